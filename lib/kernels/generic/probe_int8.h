// Rate of 8-bit multiply-adds as the compiler writes them for any processor.
#pragma once

#include <cstdint>

namespace lathe {
namespace {

double probe_int8(std::int64_t steps) noexcept {
  constexpr int kSums = 16;
  std::int32_t sums[kSums] = {};
  std::int8_t a[kSums];
  std::int8_t b[kSums];
  for (int i = 0; i < kSums; ++i) {
    a[i] = static_cast<std::int8_t>(i);
    b[i] = static_cast<std::int8_t>(3 - i);
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    __asm__ volatile("" : "+m"(a), "+m"(b));
    for (int i = 0; i < kSums; ++i) {
      sums[i] += static_cast<std::int32_t>(a[i]) * static_cast<std::int32_t>(b[i]);
    }
  }
  std::int32_t total = 0;
  for (const std::int32_t s : sums) total += s;
  __asm__ volatile("" : : "r"(total));
  return static_cast<double>(steps) * kSums * 2;
}

}  // namespace
}  // namespace lathe
