// Sixteen rows side by side to sixteen lanes: out[16 k + r] = in[r · stride + k] · factor.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

// 8 × 8: pairs of rows, then pairs of pairs, then halves change places.
inline void transpose_8(const float* in, std::int64_t stride, __m256 factor, float* out) noexcept {
  __m256 a[8], b[8];
  for (int r = 0; r < 8; ++r) a[r] = _mm256_mul_ps(_mm256_loadu_ps(in + r * stride), factor);
  for (int r = 0; r < 8; r += 2) {
    b[r] = _mm256_unpacklo_ps(a[r], a[r + 1]);
    b[r + 1] = _mm256_unpackhi_ps(a[r], a[r + 1]);
  }
  for (int r = 0; r < 8; r += 4) {
    a[r] = _mm256_shuffle_ps(b[r], b[r + 2], 0x44);
    a[r + 1] = _mm256_shuffle_ps(b[r], b[r + 2], 0xee);
    a[r + 2] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0x44);
    a[r + 3] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0xee);
  }
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(out + 16 * k, _mm256_permute2f128_ps(a[k], a[k + 4], 0x20));
    _mm256_storeu_ps(out + 16 * (k + 4), _mm256_permute2f128_ps(a[k], a[k + 4], 0x31));
  }
}

inline void transpose_16(const float* in, std::int64_t stride, float factor, float* out) noexcept {
  const __m256 f = _mm256_set1_ps(factor);
  for (int r = 0; r < 16; r += 8) {
    for (int k = 0; k < 16; k += 8) transpose_8(in + r * stride + k, stride, f, out + 16 * k + r);
  }
}

}  // namespace
}  // namespace lathe
