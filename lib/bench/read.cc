// Results files and what other programs print, as rows.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "lathe/bench/report.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

constexpr double kNs = 1e9;
// Past this a number of tokens is no number of tokens, and products of it could overflow.
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 30;

template <typename Is>
const Json* find(const Json& row, const char* key, Is&& is) {
  const auto at = row.find(key);
  return at != row.end() && ((*at).*is)() ? &*at : nullptr;
}

std::int64_t integer(const Json& row, const char* key, std::int64_t otherwise) {
  const Json* at = find(row, key, &Json::is_number_integer);
  return at == nullptr ? otherwise
                       : std::clamp<std::int64_t>(at->get<std::int64_t>(), 0, kMaxTokens);
}

std::uint64_t size(const Json& row, const char* key) {
  const Json* at = find(row, key, &Json::is_number_unsigned);
  return at == nullptr ? 0 : at->get<std::uint64_t>();
}

double number(const Json& row, const char* key) {
  const Json* at = find(row, key, &Json::is_number);
  return at == nullptr ? 0.0 : at->get<double>();
}

std::string text(const Json& row, const char* key) {
  const Json* at = find(row, key, &Json::is_string);
  return at == nullptr ? std::string() : at->get<std::string>();
}

// A flag, as true or as 1.
bool is_set(const Json& value) { return value == true || value == 1; }

// "mix64 in128..512 out32..256" as parse_traffic() has it.
std::optional<BenchTraffic> traffic_by_name(std::string name) {
  for (const auto& [from, to] : {std::pair{"mix", "n="}, {" in", ",in="}, {" out", ",out="}}) {
    const std::size_t at = name.find(from);
    if (at == std::string::npos) return std::nullopt;
    name.replace(at, std::string_view(from).size(), to);
  }
  try {
    return parse_traffic(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

BenchCase case_of(const Json& row) {
  BenchCase test;
  test.n_prompt = integer(row, "n_prompt", integer(row, "pp", 0));
  test.n_gen = integer(row, "n_gen", integer(row, "tg", 0));
  test.n_check = integer(row, "n_check", 0);
  test.n_depth = integer(row, "n_depth", 0);
  const std::int64_t computed = integer(row, "n_depth_computed", test.n_depth);
  if (computed < test.n_depth) test.n_computed = computed;
  test.sequences = integer(row, "n_sequences", integer(row, "pl", 1));
  const std::string name = text(row, "test");
  if (name.starts_with("mix")) test.traffic = traffic_by_name(name);
  for (const BenchStart start : {BenchStart::kCold, BenchStart::kWarm}) {
    BenchCase named = test;
    named.start = start;
    if (name == named.name()) return named;
  }
  return test;
}

void read_samples(const Json& row, BenchResult& result) {
  std::vector<double> rates;
  if (const Json* samples = find(row, "samples_ts", &Json::is_array)) {
    for (const Json& sample : *samples) {
      if (sample.is_number()) rates.push_back(sample.get<double>());
    }
  }
  if (rates.empty() && row.contains("avg_ts")) rates = {number(row, "avg_ts")};
  for (const double rate : rates) {
    const double seconds = static_cast<double>(result.tokens()) / rate;
    if (!(rate > 0.0) || !(seconds > 0.0) || seconds > 1e8) return result.samples.clear();
    BenchSample sample;  // the sum is known, not its parts
    (result.test.n_gen + result.test.n_check > 0 ? sample.gen_ns : sample.prompt_ns) =
        std::llround(seconds * kNs);
    result.samples.push_back(std::move(sample));
  }
  // llama-batched-bench has no samples but the times of its one run.
  const double prompt = number(row, "t_pp");
  const double gen = number(row, "t_tg");
  if (rates.empty() && prompt >= 0.0 && gen >= 0.0 && prompt + gen > 0.0 && prompt + gen < 1e8) {
    BenchSample sample;
    sample.prompt_ns = std::llround(prompt * kNs);
    sample.gen_ns = std::llround(gen * kNs);
    result.samples.push_back(std::move(sample));
  }
}

BenchRow row_of(const Json& json, std::size_t number_of_row, const std::string& origin) {
  if (!json.is_object()) {
    fail_invalid("{}: row {} is no JSON object", quoted(origin), number_of_row);
  }
  if (const auto shared = json.find("is_pp_shared"); shared != json.end() && is_set(*shared)) {
    fail_invalid("{}: row {} has a prompt that all sequences share: measure it without -pps",
                 quoted(origin), number_of_row);
  }
  BenchRow row;
  row.result.test = case_of(json);
  if (!row.result.test.name().empty()) read_samples(json, row.result);
  if (row.result.samples.empty()) {
    fail_invalid(
        "{}: row {} is no bench result: it needs n_prompt or n_gen, and samples_ts or avg_ts "
        "greater than 0",
        quoted(origin), number_of_row);
  }
  BenchSetting& s = row.setting;
  s.model_filename = text(json, "model_filename");
  s.model_type = text(json, "model_type");
  s.model_size = size(json, "model_size");
  s.model_n_params = size(json, "model_n_params");
  s.token_bytes = size(json, "bytes_per_token");
  s.n_threads = static_cast<int>(integer(json, "n_threads", 0));
  s.n_processes = static_cast<int>(integer(json, "n_processes", 1));
  s.n_batch = integer(json, "n_batch", 0);
  s.type_kv = text(json, "type_k");
  s.isa = text(json, "isa");
  s.cpu_info = text(json, "cpu_info");
  s.test_time = text(json, "test_time");
  s.version = text(json, "build_commit");
  row.command = text(json, "command");
  return row;
}

std::vector<Json> lines_of(std::string_view text, const std::string& origin) {
  std::vector<Json> rows;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
      rows.push_back(parse_json(line, fmt::format("{}, line {}", origin, number)));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return rows;
}

// A whole document, or one a line.
std::vector<Json> objects_of(std::string_view text, const std::string& origin) {
  Json whole;
  try {
    whole = parse_json(text, origin);
  } catch (const Error&) {
    return lines_of(text, origin);  // says what is wrong, and where
  }
  if (!whole.is_array()) return {std::move(whole)};
  auto& rows = whole.get_ref<Json::array_t&>();
  return {std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end())};
}

}  // namespace

std::vector<BenchRow> read_bench_rows(std::string_view text, const std::string& origin) {
  std::vector<BenchRow> rows;
  for (const Json& json : objects_of(text, origin)) {
    rows.push_back(row_of(json, rows.size() + 1, origin));
  }
  if (rows.empty()) fail_invalid("{}: holds no bench results", quoted(origin));
  return rows;
}

}  // namespace lathe
