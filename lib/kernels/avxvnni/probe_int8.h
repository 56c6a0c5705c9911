// Peak of 8-bit multiply-adds in 256 bits: vpdpbusd, 32 products each.
#pragma once

#include <cstdint>

#include "kernels/avxvnni/weights.h"

namespace lathe {
namespace {

double probe_int8(std::int64_t steps) noexcept {
  constexpr int kSums = 10;
  __m256i sums[kSums];
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) sums[i] = _mm256_setzero_si256();
  ByteWeights a = {_mm256_set1_epi8(3)};
  const __m256i b = _mm256_set1_epi8(1);
  for (std::int64_t step = 0; step < steps; ++step) {
    __asm__ volatile("" : "+x"(a.bytes));
#pragma GCC unroll 16
    for (int i = 0; i < kSums; ++i) a.add_product(&sums[i], b);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kSums; ++i) __asm__ volatile("" : : "x"(sums[i]));
  return static_cast<double>(steps) * kSums * 32 * 2;
}

}  // namespace
}  // namespace lathe
