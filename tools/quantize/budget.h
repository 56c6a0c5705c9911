// quantize, asked for a result: at most so many bytes, or at most so much lost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/quantize.h"

#include "common/tool.h"

namespace lathe::tool {

struct BudgetRequest {
  std::uint64_t size = 0;  // bytes of the file
  double bits = 0.0;       // per weight
  double kld = 0.0;        // nats, mean over positions
  std::string ppl;         // "+1%"
  std::string text;        // a file, what is lost is measured on; empty: the text that comes along
  std::string plot;        // a file

  bool any() const { return size > 0 || bits > 0.0 || kld > 0.0 || !ppl.empty(); }
};

void add_budget_options(Tool& tool, BudgetRequest& request);
// Throws kUsage for values that make no sense, or more than one bound.
void check_budget(const BudgetRequest& request);

struct BudgetResult {
  QuantizeTarget target;
  QuantizeReport report;
  bool kept = true;  // the promise, as measured
};

// Chooses a scheme for each matrix, writes the file, and measures what it lost. `how` has all but
// the schemes. With `dry_run` only the curve is printed, and nothing comes back.
std::optional<BudgetResult> quantize_within(const Tool& tool, const BudgetRequest& request,
                                            const std::shared_ptr<const Checkpoint>& checkpoint,
                                            const QuantizeOptions& how, bool dry_run);

}  // namespace lathe::tool
