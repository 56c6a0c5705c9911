// From scored positions to the figures of a report.
#pragma once

#include <span>

#include "lathe/perplexity.h"

namespace lathe {

// Both need at least one score.
PerplexityFigures perplexity_figures(std::span<const TokenScore> scores, bool of_base);
DivergenceFigures divergence_figures(std::span<const TokenScore> scores);

}  // namespace lathe
