// Products with float weights: the kernels of one type (see kernel_table.h for what all kernels
// have in common).
#pragma once

#include <cstdint>

namespace lathe {

struct InputTiles;

// Products of inputs with float weights of one type. w: rows × cols, row-major, tight.
struct FloatKernels {
  // For a few inputs: y[m*y_stride + r] = Σ_k w[r][k] · x[m*x_stride + k], in the reduction order
  // above, one FMA per element.
  void (*matvec)(const void* w, std::int64_t rows, std::int64_t cols, const float* x,
                 std::int64_t x_stride, std::int64_t batch, float* y,
                 std::int64_t y_stride) = nullptr;

  // For many inputs at once, in tiles. A table without these (multiply is null) leaves them to a
  // library.
  // From this many inputs on; it is faster than matvec and multiply_few.
  std::int64_t from = 0;
  // 1: inputs are floats. 2: they are rounded to bfloat16 (nearest even; subnormals are zero),
  // products are exact and sums are floats.
  std::int64_t inputs_per_word = 1;
  // Rows of x to the tile of that number.
  void (*pack)(const float* x, std::int64_t x_stride, std::int64_t tile,
               const InputTiles& to) = nullptr;
  // y[m*y_stride + r] = Σ_k w[r][k] · x[m][k], in an order of its own. Fastest with rows a multiple
  // of kFloatPanelRows. scratch: kFloatPanelScratch floats on a 64-byte border.
  void (*multiply)(const void* w, std::int64_t rows, std::int64_t cols, const InputTiles& x,
                   float* scratch, float* y, std::int64_t y_stride) = nullptr;
  // The same for fewer inputs, in tiles of one row each. Null: matvec does it. Where inputs are
  // rounded, few and many are: what a sequence says should not hang on who runs beside it.
  void (*multiply_few)(const void* w, std::int64_t rows, std::int64_t cols, const InputTiles& x,
                       float* y, std::int64_t y_stride) = nullptr;
};
inline constexpr std::int64_t kFloatPanelRows = 48;
inline constexpr std::int64_t kFloatPanelScratch = 1024 * kFloatPanelRows;

}  // namespace lathe
