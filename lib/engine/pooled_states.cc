#include "engine/pooled_states.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace lathe {

void PooledStates::add(std::span<const float> states) {
  const std::size_t size = sum_.size();
  for (; !states.empty(); states = states.subspan(size)) {
    const bool replaces = pooling_ != Pooling::kMean;
    for (std::size_t i = 0; i < size; ++i) {
      const auto state = static_cast<double>(states[i]);
      sum_[i] = replaces ? state : sum_[i] + state;
    }
    count_ = replaces ? 1 : count_ + 1;
  }
}

std::vector<float> PooledStates::vector(bool normalized) const {
  const double divisor = normalized ? length_of<double>(sum_) : static_cast<double>(count_);
  std::vector<float> out;
  out.reserve(sum_.size());
  for (const double x : sum_) out.push_back(static_cast<float>(x / divisor));
  const bool finite = std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); });
  if (!finite) fail_invalid("the text's vector holds what is no number");
  return out;
}

}  // namespace lathe
