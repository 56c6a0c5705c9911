// Peak of 8-bit multiply-adds: vpdpbusd, 64 products each.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

double probe_int8(std::int64_t steps) noexcept {
  constexpr int kSums = 12;
  __m512i sums[kSums];
  for (__m512i& s : sums) s = _mm512_setzero_si512();
  __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(1);
  for (std::int64_t i = 0; i < steps; ++i) {
    __asm__ volatile("" : "+v"(a));
    for (__m512i& s : sums) s = _mm512_dpbusd_epi32(s, a, b);
  }
  for (const __m512i& s : sums) __asm__ volatile("" : : "v"(s));
  return static_cast<double>(steps) * kSums * 64 * 2;
}

}  // namespace
}  // namespace lathe
