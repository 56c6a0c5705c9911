#include "speculate/draft_balance.h"

#include <algorithm>

namespace lathe {

void DraftBalance::end(double plain) noexcept {
  const Pass pass = pass_;
  pass_ = {};
  if (pass.drafting == 0.0 || pass.seconds == 0.0 || plain <= 0.0) return;
  const double tokens = 1.0 + static_cast<double>(pass.held) / static_cast<double>(pass.sequences);
  const double gain = tokens - (pass.drafting + pass.seconds) / plain;
  // The mean of the first ones, then one that follows the last.
  passes_ = std::min(passes_ + 1, 4 * kEnough);
  gain_ += (gain - gain_) / static_cast<double>(passes_);
}

}  // namespace lathe
