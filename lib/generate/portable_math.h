// e^x and ln x that give the same bits on every machine.
//
// The C library's differ between versions and instruction sets in the last bit, which is
// enough to turn a draw. These use additions, multiplications and one division of IEEE
// doubles in a written order (and the build forbids contraction into FMA). Both are within
// 2 units in the last place, which the tests check.
#pragma once

#include <bit>
#include <cstdint>

namespace lathe {

inline constexpr double kLn2High = 0x1.62e42feep-1;       // its product with |k| < 2^21 is exact
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;  // ln 2 - kLn2High

// e^x for x ≤ 0; 0 below -700 (and for a NaN).
inline double portable_exp(double x) noexcept {
  if (!(x > -700.0)) return 0.0;
  // x = k·ln 2 + r with |r| ≤ ln 2 / 2. Adding 1.5·2^52 rounds to an integer in the low bits.
  constexpr double kRound = 0x1.8p52;
  const double shifted = x * 0x1.71547652b82fep0 + kRound;
  const double k = shifted - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  // The Taylor series to r^13: what is left out is below 2^-57.
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  // k ≥ -1010, so 2^k is a normal number.
  const std::uint64_t bits = (std::bit_cast<std::uint64_t>(shifted) + 1023) << 52;
  return p * std::bit_cast<double>(bits);
}

// ln x for normal, finite x > 0.
inline double portable_log(double x) noexcept {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > 0x1.6a09e667f3bcdp0) {  // sqrt 2
    m *= 0.5;
    ++exponent;
  }
  // ln m = 2 artanh f, f = (m - 1)/(m + 1), |f| < 0.172.
  const double f = (m - 1.0) / (m + 1.0);
  const double s = f * f;
  double p = 1.0 / 23.0;
  p = p * s + 1.0 / 21.0;
  p = p * s + 1.0 / 19.0;
  p = p * s + 1.0 / 17.0;
  p = p * s + 1.0 / 15.0;
  p = p * s + 1.0 / 13.0;
  p = p * s + 1.0 / 11.0;
  p = p * s + 1.0 / 9.0;
  p = p * s + 1.0 / 7.0;
  p = p * s + 1.0 / 5.0;
  p = p * s + 1.0 / 3.0;
  const double log_m = 2.0 * f + 2.0 * f * (s * p);
  return exponent * kLn2High + (log_m + exponent * kLn2Low);
}

}  // namespace lathe
