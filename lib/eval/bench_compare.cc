#include "lathe/bench_compare.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

std::int64_t integer(const Json& row, const char* key, std::int64_t otherwise) {
  const auto at = row.find(key);
  return at != row.end() && at->is_number_integer() ? at->get<std::int64_t>() : otherwise;
}

BenchRecord record_of(const Json& row, std::size_t number, const std::string& origin) {
  if (!row.is_object()) {
    fail_invalid("{}: row {} is no JSON object", quoted(origin), number);
  }
  BenchCase test;
  test.n_prompt = integer(row, "n_prompt", 0);
  test.n_gen = integer(row, "n_gen", 0);
  test.n_depth = integer(row, "n_depth", 0);
  test.sequences = integer(row, "n_sequences", 1);
  BenchRecord record;
  record.test = test.name();
  if (const auto name = row.find("test");
      record.test.empty() && name != row.end() && name->is_string()) {
    record.test = name->get<std::string>();  // traffic has no numbers of its own
  }
  if (const auto model = row.find("model_filename"); model != row.end() && model->is_string()) {
    record.model = model->get<std::string>();
  }
  if (const auto samples = row.find("samples_ts"); samples != row.end() && samples->is_array()) {
    for (const Json& sample : *samples) {
      if (sample.is_number()) record.samples_ts.push_back(sample.get<double>());
    }
  }
  if (record.samples_ts.empty()) {
    const auto mean = row.find("avg_ts");
    if (mean != row.end() && mean->is_number()) record.samples_ts = {mean->get<double>()};
  }
  const bool positive = std::all_of(record.samples_ts.begin(), record.samples_ts.end(),
                                    [](double ts) { return ts > 0.0; });
  if (record.test.empty() || record.samples_ts.empty() || !positive) {
    fail_invalid(
        "{}: row {} is no bench result: it needs n_prompt or n_gen, and samples_ts or avg_ts "
        "greater than 0",
        quoted(origin), number);
  }
  return record;
}

std::vector<Json> rows_of(std::string_view text, const std::string& origin) {
  Json whole = Json::parse(text, nullptr, false);
  if (whole.is_array()) return whole.get<std::vector<Json>>();
  if (whole.is_object()) return {std::move(whole)};
  std::vector<Json> rows;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      rows.push_back(Json::parse(line, nullptr, false));
      if (rows.back().is_discarded()) {
        fail_invalid("{}: neither a JSON array nor JSON lines: line {} does not parse",
                     quoted(origin), number);
      }
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return rows;
}

}  // namespace

std::vector<BenchRecord> read_bench_records(std::string_view text, const std::string& origin) {
  std::vector<BenchRecord> records;
  for (const Json& row : rows_of(text, origin)) {
    records.push_back(record_of(row, records.size() + 1, origin));
  }
  if (records.empty()) fail_invalid("{}: holds no bench results", quoted(origin));
  return records;
}

std::vector<BenchComparison> compare_records(std::span<const BenchRecord> ours,
                                             std::span<const BenchRecord> base) {
  std::vector<BenchComparison> out;
  for (const BenchRecord& mine : ours) {
    const auto same = [&](const auto& other) { return other.test == mine.test; };
    if (std::find_if(out.begin(), out.end(), same) != out.end()) continue;
    const auto theirs = std::find_if(base.begin(), base.end(), same);
    if (theirs == base.end()) continue;
    out.push_back({mine.test, summarize(mine.samples_ts).median,
                   summarize(theirs->samples_ts).median,
                   compare_samples(mine.samples_ts, theirs->samples_ts)});
  }
  return out;
}

BenchGate parse_gate(std::string_view text) {
  const std::size_t less = text.find('<');
  BenchGate gate;
  if (less != std::string_view::npos) {
    gate.test_prefix = std::string(text.substr(0, less));
    std::string_view number = text.substr(less + 1);
    if (number.ends_with('%')) number.remove_suffix(1);
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), gate.percent);
    if (error == std::errc() && end == number.data() + number.size() && gate.percent > -100.0 &&
        gate.percent < 1e6) {
      return gate;
    }
  }
  fail(ErrorCode::kUsage, "{}: not a gate; write the test's name, <, and percent: tg<-5%",
       quoted(text));
}

bool gate_missed(const BenchGate& gate, const BenchComparison& comparison) {
  if (!std::string_view(comparison.test).starts_with(gate.test_prefix)) return false;
  const double bound = 1.0 + gate.percent / 100.0;
  if (comparison.ratio.ratio >= bound) return false;
  // A demand to be faster (percent > 0) is missed even when the two can't be told apart.
  return gate.percent > 0.0 || comparison.ratio.can_tell();
}

}  // namespace lathe
