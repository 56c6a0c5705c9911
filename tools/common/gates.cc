#include "common/gates.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lathe/host/escape.h"

#include "common/fail.h"

namespace lathe::tool {

namespace {

std::string certainty(const BenchRatio& ratio) {
  if (!std::isfinite(ratio.low) || !std::isfinite(ratio.high)) {
    return "of one sample: can't tell it from chance";
  }
  return fmt::format("95 %: {:+.2f} … {:+.2f}{}", 100.0 * (ratio.low - 1.0),
                     100.0 * (ratio.high - 1.0),
                     ratio.can_tell() ? "" : ": can't tell it from chance");
}

}  // namespace

std::vector<TypedGate> read_gates(const Tool& tool, const std::vector<std::string>& texts) {
  std::vector<TypedGate> gates;
  for (const std::string& text : texts) {
    const BenchGate& gate = gates.emplace_back(parse_gate(text), text).gate;
    if (gate.percent <= 0.0) continue;
    tool.note(
        fmt::format("--fail-if {} asks for a gain of {} %; a loss that is allowed has a minus",
                    quoted(text), gate.percent));
  }
  return gates;
}

BenchGates::BenchGates(const Tool& tool, const std::vector<std::string>& texts, GateOf what)
    : tool_(tool), what_(what), gates_(read_gates(tool, texts)) {}

void BenchGates::check_concern(std::span<const std::string> tests) const {
  for (const TypedGate& gate : gates_) {
    const bool some = std::any_of(tests.begin(), tests.end(), [&](const std::string& test) {
      return gate_concerns(gate.gate, test);
    });
    if (some) continue;
    fail_usage("--fail-if {}: no test that is compared has such a name; there {} {}",
               quoted(gate.text), tests.size() == 1 ? "is" : "are",
               escape_for_terminal(fmt::format("{}", fmt::join(tests, ", "))));
  }
}

bool BenchGates::hold(const BenchComparison& row, const std::string& beside) const {
  bool hold = true;
  for (const TypedGate& gate : gates_) {
    if (!gate_missed(gate.gate, row, what_)) continue;
    hold = false;
    tool_.warn(fmt::format("gate missed: {}: {} is {:+.2f} % beside {} ({})", gate.text, row.test,
                           100.0 * (row.ratio.ratio - 1.0), escape_for_terminal(beside),
                           certainty(row.ratio)));
  }
  return hold;
}

std::string comparison_table(std::span<const BenchComparison> rows) {
  std::size_t width = 4;
  for (const BenchComparison& row : rows) width = std::max(width, row.test.size());
  std::string out = fmt::format("{:<{}} {:>11} {:>11} {:>7}  {}\n", "test", width, "t/s",
                                "base t/s", "ratio", "95 % interval");
  for (const BenchComparison& row : rows) {
    out +=
        fmt::format("{:<{}} {:>11.2f} {:>11.2f} {:>7.3f}  {:.3f} … {:.3f}{}\n",
                    escape_for_terminal(row.test), width, row.ours_ts, row.base_ts, row.ratio.ratio,
                    row.ratio.low, row.ratio.high, row.ratio.can_tell() ? "" : "  can't tell");
  }
  return out;
}

}  // namespace lathe::tool
