// Peak of 8-bit multiply-adds without VNNI: vpmaddubsw, vpmaddwd and vpaddd, 32 products.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

double probe_int8(std::int64_t steps) noexcept {
  constexpr int kSums = 10;
  __m256i sums[kSums];
  for (__m256i& s : sums) s = _mm256_setzero_si256();
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::int64_t i = 0; i < steps; ++i) {
    for (__m256i& s : sums) {
      // Inside the inner loop: every product must be computed, not one for all sums.
      __asm__ volatile("" : "+x"(a));
      s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  for (const __m256i& s : sums) __asm__ volatile("" : : "x"(s));
  return static_cast<double>(steps) * kSums * 32 * 2;
}

}  // namespace
}  // namespace lathe
