#include "common/gates.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lathe/host/escape.h"

#include "common/fail.h"

namespace lathe::tool {

namespace {

double percent(double ratio) { return 100.0 * (ratio - 1.0); }

bool is_interval(const BenchRatio& ratio) {
  return std::isfinite(ratio.low) && std::isfinite(ratio.high);
}

constexpr const char* kOneSample = "of one sample: can't tell it from chance";

std::string unless_sure(const BenchRatio& ratio) {
  return ratio.can_tell() ? "" : ": can't tell it from chance";
}

// Of rates, where more is better.
std::string change_of(const BenchComparison& row, const std::string& beside) {
  const BenchRatio& r = row.ratio;
  const std::string sure = is_interval(r) ? fmt::format("95 %: {:+.2f} … {:+.2f}{}", percent(r.low),
                                                        percent(r.high), unless_sure(r))
                                          : kOneSample;
  return fmt::format("{} is {:+.2f} % beside {} ({})", row.test, percent(r.ratio),
                     escape_for_terminal(beside), sure);
}

// Of figures that may be better when they are less: both, and what was lost by the gate's measure.
std::string loss_of(const BenchComparison& row, const std::string& beside) {
  const BenchRatio& r = row.ratio;
  const std::string sure = is_interval(r) ? fmt::format("95 %: {:.2f} … {:.2f}{}", -percent(r.high),
                                                        -percent(r.low), unless_sure(r))
                                          : kOneSample;
  return fmt::format("{} went from {:.4g} of {} to {:.4g}, a loss of {:.2f} % ({})", row.test,
                     row.base_ts, escape_for_terminal(beside), row.ours_ts, -percent(r.ratio),
                     sure);
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
    tool_.warn(
        fmt::format("gate missed: {}: {}", gate.text,
                    what_ == GateOf::kCount ? loss_of(row, beside) : change_of(row, beside)));
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
