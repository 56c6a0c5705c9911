// sgp-eval --fail-if: what a run may lose against its baseline.
//
// A gate names all questions (""), a split or a split and a subject ("svg/color"), and is missed
// when these lost more than so many percentage points. Errors: kUsage for a gate that is none, or
// whose name nothing has. Not thread-safe.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lathe/sgp/measures.h"

#include "common/gates.h"
#include "common/tool.h"

namespace lathe::tool {

class SgpGates {
 public:
  SgpGates(const Tool& tool, const std::vector<std::string>& texts);

  // Refuses a gate that would pass whatever happens. `names`: what can be compared.
  void check_concern(const std::set<std::string>& names) const;
  // True when every gate holds; warns of those that do not, and says how sure that is.
  bool hold(const SgpComparison& comparison) const;

 private:
  const Tool& tool_;
  std::vector<TypedGate> gates_;
};

}  // namespace lathe::tool
