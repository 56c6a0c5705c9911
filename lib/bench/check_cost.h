// What it costs to check drafts, beside a pass over one token (BenchCase::n_check).
#pragma once

#include <optional>
#include <span>

#include "lathe/bench/report.h"

namespace lathe {

// Of a pass over n tokens, n - 1 of which were drafted; medians. With one token, or without a row
// of it on the same model, setting and depth, there is nothing to compare with.
struct CheckCost {
  double ms = 0.0;  // of the pass
  // Its time in passes over one token.
  std::optional<double> times_one;
  // The share of drafted tokens that must hold for the draft to pay where drafting costs nothing:
  // 1 + share · (n - 1) tokens must be worth the pass's time.
  std::optional<double> pays_above;
  // Of each token that the smaller model drafted, and the same share where that is paid for too.
  std::optional<double> draft_ms, draft_pays_above;
};

// `row` is one of `rows`, with n_check > 0.
CheckCost check_cost(std::span<const BenchRow> rows, const BenchRow& row);

}  // namespace lathe
