#include "sgp_eval/gates.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lathe/host/escape.h"

#include "common/fail.h"

namespace lathe::tool {

SgpGates::SgpGates(const Tool& tool, const std::vector<std::string>& texts)
    : tool_(tool), gates_(read_gates(tool, texts)) {}

void SgpGates::check_concern(const std::set<std::string>& names) const {
  for (const TypedGate& gate : gates_) {
    const std::string& name = gate.gate.test_prefix;
    if (name.empty() || names.contains(name)) continue;
    fail_usage("--fail-if {}: nothing that is compared has such a name; there {} {}",
               lathe::quoted(gate.text), names.size() == 1 ? "is" : "are",
               escape_for_terminal(fmt::format("{}", fmt::join(names, ", "))));
  }
}

bool SgpGates::hold(const SgpComparison& comparison) const {
  constexpr double kSure = 0.05;
  bool hold = true;
  for (const TypedGate& gate : gates_) {
    const auto& rows = comparison.rows;
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const SgpPaired& one) {
      return one.name == gate.gate.test_prefix && one.count > 0;
    });
    if (row == rows.end()) {
      hold = false;
      tool_.warn(fmt::format("gate missed: {}: no question of that name was asked in both runs",
                             gate.text));
    } else if (sgp_gate_missed(gate.gate.test_prefix, gate.gate.percent, *row)) {
      hold = false;
      tool_.warn(fmt::format("gate missed: {}: {:+.2f} points (p = {:.4f}{})", gate.text,
                             100.0 * row->difference(), row->p_value,
                             row->p_value < kSure ? "" : ": can't tell it from chance"));
    }
  }
  return hold;
}

}  // namespace lathe::tool
