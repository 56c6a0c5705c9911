#include "lathe/bench/compare.h"

#include <algorithm>
#include <charconv>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

std::vector<BenchRecord> bench_records(std::span<const BenchRow> rows) {
  std::vector<BenchRecord> records;
  for (const BenchRow& row : rows) {
    if (!row.command.empty()) continue;
    records.push_back(
        {row.setting.model_filename, row.result.test.name(), row.result.tokens_per_second()});
  }
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

bool gate_concerns(const BenchGate& gate, std::string_view test) noexcept {
  return test.starts_with(gate.test_prefix);
}

bool gate_missed(const BenchGate& gate, const BenchComparison& comparison, GateOf what) {
  if (!gate_concerns(gate, comparison.test)) return false;
  const double bound = 1.0 + gate.percent / 100.0;
  // What stands at the bound is not beyond it: the last digits of a division are no loss.
  constexpr double kRounding = 1e-9;
  if (comparison.ratio.ratio >= bound - kRounding) return false;
  // A demand to be faster (percent > 0) is missed even when the two can't be told apart.
  return what == GateOf::kCount || gate.percent > 0.0 || comparison.ratio.can_tell();
}

}  // namespace lathe
