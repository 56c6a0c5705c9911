// e^x for x ≤ 0 with the same bits on every machine, fast enough for a whole vocabulary.
//
// As model/portable_math.h, and for the same reason, additions and multiplications of doubles in
// a written order; but inline and without a branch, so that a loop over 100,000 logits takes
// well under a millisecond. Within 2 units in the last place.
#pragma once

#include <bit>
#include <cstdint>

namespace lathe {

inline constexpr double kLn2High = 0x1.62e42feep-1;       // its product with |k| < 2^21 is exact
inline constexpr double kLn2Low = 0x1.a39ef35793c76p-33;  // ln 2 - kLn2High

// e^x for x ≤ 0; below -700, and for a NaN, e^-700 (10^-304). No branch, so that loops over it
// become vector instructions.
inline double exp_nonpositive(double x) noexcept {
  x = x > -700.0 ? x : -700.0;
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

}  // namespace lathe
