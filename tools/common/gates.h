// --fail-if of bench and perplexity: what must hold between two sets of results; and the table of
// how bench's compare.
//
// Errors: kUsage for a gate that is none, or that no test is named for; kInvalid when nothing
// can be compared. Not thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/bench/compare.h"

#include "common/tool.h"

namespace lathe::tool {

// A gate, and how it was typed.
struct TypedGate {
  BenchGate gate;
  std::string text;
};

// Says of one that asks for a gain that it does: who allows a loss may have left the minus out.
std::vector<TypedGate> read_gates(const Tool& tool, const std::vector<std::string>& texts);

class BenchGates {
 public:
  BenchGates(const Tool& tool, const std::vector<std::string>& texts, GateOf what);

  bool empty() const noexcept { return gates_.empty(); }
  // Refuses a gate that would pass whatever happens, since none of these tests is meant.
  void check_concern(std::span<const std::string> tests) const;
  // True when every gate holds; warns of those that do not. `beside` names what ours is compared
  // with.
  bool hold(const BenchComparison& row, const std::string& beside) const;

 private:
  const Tool& tool_;
  GateOf what_;
  std::vector<TypedGate> gates_;
};

// The table, for people.
std::string comparison_table(std::span<const BenchComparison> rows);

}  // namespace lathe::tool
