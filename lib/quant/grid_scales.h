// Scales for values on the grid of IQ4_NL and IQ4_XS, sixteen rows at a time, where each value has
// a weight of its own: x ≈ scale · grid value.
//
// In plain C++, as the kernels' search knows weights of inputs only; sums run over the inputs in
// order, so the bits are the same everywhere.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/search_kernels.h"

namespace lathe {

class GridScales {
 public:
  GridScales();

  // values and weights: [n][16], weights >= 0. What makes Σ weight · (x - approximation)² small.
  void find(const float* values, const float* weights, std::int64_t n, float* scales) const;
  // What the nearest values lose, and what a better scale follows from.
  void weigh(const float* values, const float* weights, std::int64_t n, const float* scales,
             CodeSums& sums) const;

 private:
  struct Fit;
  void nearest(const float* x, const float* inverses, float* out) const noexcept;
  void try_inverses(const float* values, const float* weights, std::int64_t n,
                    const float* inverses, Fit& best) const;

  // The nearest grid value of what lies between half and half.
  std::array<float, 512> nearest_;
};

}  // namespace lathe
