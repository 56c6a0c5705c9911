// What a session shows to an observer (SessionOptions): the inputs of its matrices, and which
// experts it chose, for calibration.
#pragma once

#include <cstdint>

namespace lathe {

// Which matrices an input goes to; or what else it is.
enum class ActivationPoint {
  kAttentionInput,   // q, k and v
  kAttentionOutput,  // o
  kMlpInput,         // gate and up (of an expert, where there are such)
  kMlpHidden,        // down
  kSharedInput,      // the shared expert's gate and up
  kSharedHidden,     // its down
  kRouting,          // to none: a column for each expert, what its outputs are multiplied by
  kHead,             // the output matrix (layer is num_layers)
};

// Rows of activations on their way into matrices: rows × cols floats, tight.
struct ActivationRows {
  ActivationPoint point = ActivationPoint::kHead;
  std::int64_t layer = 0;
  const float* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t expert = -1;  // whose input it is; -1: of none
};

}  // namespace lathe
