// PCG-XSH-RR 64/32: a small, portable random number generator.
//
// 64 bits of state walk a linear congruential sequence; an output is the top bits, xor-shifted
// and rotated by the five highest (M. E. O'Neill, "PCG: A Family of Simple Fast
// Space-Efficient Statistically Good Algorithms for Random Number Generation", 2014). Integer
// arithmetic only: the same numbers on every machine.
#pragma once

#include <bit>
#include <cstdint>

namespace lathe {

class Pcg32 {
 public:
  // `sequence` picks one of 2^63 different sequences for the same seed.
  explicit Pcg32(std::uint64_t seed, std::uint64_t sequence = 0) noexcept
      : increment_((sequence << 1) | 1) {
    next();
    state_ += seed;
    next();
  }

  std::uint32_t next() noexcept {
    const std::uint64_t old = state_;
    state_ = old * kMultiplier + increment_;
    const auto shifted = static_cast<std::uint32_t>(((old >> 18) ^ old) >> 27);
    return std::rotr(shifted, static_cast<int>(old >> 59));
  }

  // Two outputs, the first in the high half.
  std::uint64_t next64() noexcept {
    const std::uint64_t high = next();
    return (high << 32) | next();
  }

 private:
  static constexpr std::uint64_t kMultiplier = 6364136223846793005u;

  std::uint64_t state_ = 0;
  std::uint64_t increment_;
};

}  // namespace lathe
