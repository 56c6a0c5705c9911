// Sixteen rows side by side to sixteen lanes.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

// Lane r of column k becomes lane k of a[r]. Pairs of rows, pairs of pairs, then quarters of
// registers change places twice. Moves bits only.
inline __attribute__((always_inline)) void turn_16(__m512 (&a)[16]) noexcept {
  __m512 b[16];
  for (int r = 0; r < 16; r += 2) {
    b[r] = _mm512_unpacklo_ps(a[r], a[r + 1]);
    b[r + 1] = _mm512_unpackhi_ps(a[r], a[r + 1]);
  }
  for (int r = 0; r < 16; r += 4) {
    a[r] = _mm512_shuffle_ps(b[r], b[r + 2], 0x44);
    a[r + 1] = _mm512_shuffle_ps(b[r], b[r + 2], 0xee);
    a[r + 2] = _mm512_shuffle_ps(b[r + 1], b[r + 3], 0x44);
    a[r + 3] = _mm512_shuffle_ps(b[r + 1], b[r + 3], 0xee);
  }
  for (int k = 0; k < 4; ++k) {
    const __m512 even_low = _mm512_shuffle_f32x4(a[k], a[k + 4], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(a[k], a[k + 4], 0xdd);
    const __m512 even_high = _mm512_shuffle_f32x4(a[k + 8], a[k + 12], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(a[k + 8], a[k + 12], 0xdd);
    a[k] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    a[k + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    a[k + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
    a[k + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
  }
}

// out[16 k + r] = in[r · stride + k] · factor.
inline void transpose_16(const float* in, std::int64_t stride, float factor, float* out) noexcept {
  const __m512 f = _mm512_set1_ps(factor);
  __m512 a[16];
  for (int r = 0; r < 16; ++r) a[r] = _mm512_mul_ps(_mm512_loadu_ps(in + r * stride), f);
  turn_16(a);
  for (int k = 0; k < 16; ++k) _mm512_storeu_ps(out + 16 * k, a[k]);
}

}  // namespace
}  // namespace lathe
