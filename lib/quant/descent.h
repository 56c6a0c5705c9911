// Coordinate descent behind error feedback.
//
// Error feedback rounds each weight once, when those after it are still free. Afterwards every
// weight can be looked at again beside the others as they have become: with the error e = w - q of
// a row and H = E[x xᵀ], what moves weight k by d changes e H eᵀ by d² H[k][k] - 2 d (H e)[k],
// which is least at d = (H e)[k] / H[k][k]; and a scale of a group, the weights of which move
// together, likewise (Behdin et al. 2023, "QuantEase").
#pragma once

#include <cstdint>
#include <vector>

#include "quant/error_feedback.h"

namespace lathe {

// The errors of sixteen rows, and what they pull at. Not thread-safe.
class Descent {
 public:
  // `feedback` outlives this.
  explicit Descent(const ErrorFeedback& feedback);

  // errors: [inputs][16].
  void start(const float* errors);

  // H[k][k].
  float power(std::int64_t k) const noexcept;
  // (H e)[k] of each row, sixteen of them.
  void pull(std::int64_t k, float* out) const noexcept;
  // q of input k grows by `by` (16).
  void move(std::int64_t k, const float* by) noexcept;

  // Of `count` inputs from `first` on whose q are scale · values[k][r]: how much a scale should
  // grow, and by how much an error falls if it grows by d: 2 d gain - d² cost.
  struct ScaleSlope {
    float gain[16], cost[16];
  };
  void weigh(std::int64_t first, std::int64_t count, const float* values,
             ScaleSlope* out) const noexcept;
  // The scales grow by `by` (16).
  void move_scales(std::int64_t first, std::int64_t count, const float* values, const float* by);

 private:
  const float* row(std::int64_t k) const noexcept;

  const ErrorFeedback& feedback_;
  std::int64_t inputs_;
  std::vector<float> errors_;  // [16][inputs], scratch
  std::vector<float> pulls_;   // [16][inputs]: H e
  std::vector<float> moved_;   // [16][count], scratch
};

}  // namespace lathe
