#include "model/float_panel.h"

#include <algorithm>
#include <cstring>

#include "kernels/conversion_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

// Columns turned at a time: their part of the panel (24 KB) stays in the first-level cache
// until all rows are in it.
constexpr std::int64_t kBlock = 128;

typedef float Vec4 __attribute__((vector_size(16)));

Vec4 load4(const float* p) {
  Vec4 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

void store4(Vec4 v, float* p) { std::memcpy(p, &v, sizeof(v)); }

// out[k · stride + r] = in[r · kBlock + k] for four rows r and `count` columns k.
void turn_four(const float* in, std::int64_t count, float* out, std::int64_t stride) {
  std::int64_t k = 0;
  for (; k + 4 <= count; k += 4) {
    const Vec4 a = load4(in + k);
    const Vec4 b = load4(in + kBlock + k);
    const Vec4 c = load4(in + 2 * kBlock + k);
    const Vec4 d = load4(in + 3 * kBlock + k);
    const Vec4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Vec4 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Vec4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Vec4 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store4(__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), out + k * stride);
    store4(__builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7), out + (k + 1) * stride);
    store4(__builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), out + (k + 2) * stride);
    store4(__builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7), out + (k + 3) * stride);
  }
  for (; k < count; ++k) {
    for (std::int64_t r = 0; r < 4; ++r) out[k * stride + r] = in[r * kBlock + k];
  }
}

void load_row(DType type, const void* weights, std::int64_t offset, std::int64_t count,
              float* out) {
  switch (type) {
    case DType::kF16:
      return kernels().convert.f16_to_f32(static_cast<const std::uint16_t*>(weights) + offset,
                                          count, out);
    case DType::kBF16:
      return kernels().convert.bf16_to_f32(static_cast<const std::uint16_t*>(weights) + offset,
                                           count, out);
    default:
      std::memcpy(out, static_cast<const float*>(weights) + offset,
                  static_cast<std::size_t>(count) * sizeof(float));
  }
}

}  // namespace

void make_float_panel(DType type, const void* weights, std::int64_t rows, std::int64_t cols,
                      float* panel) noexcept {
  alignas(64) float block[4 * kBlock];
  for (std::int64_t k = 0; k < cols; k += kBlock) {
    const std::int64_t count = std::min(kBlock, cols - k);
    float* out = panel + k * rows;
    for (std::int64_t r = 0; r < rows; r += 4) {
      const std::int64_t four = std::min<std::int64_t>(4, rows - r);
      for (std::int64_t i = 0; i < four; ++i) {
        load_row(type, weights, (r + i) * cols + k, count, block + i * kBlock);
      }
      if (four == 4) {
        turn_four(block, count, out + r, rows);
        continue;
      }
      for (std::int64_t i = 0; i < four; ++i) {
        for (std::int64_t j = 0; j < count; ++j) out[j * rows + r + i] = block[i * kBlock + j];
      }
    }
  }
}

}  // namespace lathe
