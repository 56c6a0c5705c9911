// What the lanes of AVX2 and AVX-512 have in common: the last steps of the trees, and what needs
// no vectors. Included by their lanes.h.
#pragma once

#include <immintrin.h>

namespace lathe {
namespace {

// From eight values on, the trees of kernel_table.h.
inline float sum_of_eight(__m256 eight) noexcept {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float largest_of_eight(__m256 eight) noexcept {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

inline float square_root(float x) noexcept { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

// In assembler, because GCC takes a function that does nothing but ask for memory to have no
// effect, and leaves out the calls.
inline void prefetch_far(const void* p) noexcept {
  __asm__ volatile("prefetcht1 %0" : : "m"(*static_cast<const char*>(p)));
}
inline void prefetch(const void* p) noexcept {
  __asm__ volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(p)));
}

}  // namespace
}  // namespace lathe
