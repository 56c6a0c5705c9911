// From scored positions to the figures of a report.
#pragma once

#include <span>

#include "lathe/perplexity.h"

namespace lathe {

// Both need at least one score.
PerplexityFigures perplexity_figures(std::span<const TokenScore> scores, bool of_base);
// `what` says which of the scores' members were filled.
struct Compared {
  bool kl = true;
  bool top = true;
};
DivergenceFigures divergence_figures(std::span<const TokenScore> scores, Compared what = {});

}  // namespace lathe
