// A mean that follows what was measured last; 0 stands for nothing yet.
#pragma once

namespace lathe {

inline void follow(double& mean, double value) noexcept {
  constexpr double kWeight = 0.25;
  mean += (mean == 0.0 ? 1.0 : kWeight) * (value - mean);
}

}  // namespace lathe
