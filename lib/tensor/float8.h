// Floats of eight bits to float, exactly.
//
//   E4M3   sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity, NaN where all bits but
//          the sign are set; at most 448
//   E5M2   sign, 5 bits (bias 15), 2; infinity and NaN as of IEEE: the upper half of a half
//   E8M0   an exponent alone: 2^(e - 127), 255 is NaN
//
// Source: OCP 8-bit Floating Point Specification (2023), OCP Microscaling Formats (2023).
#pragma once

#include <bit>
#include <cstdint>

#include "tensor/float16.h"

namespace lathe {

inline float f8_e4m3_to_f32(std::uint8_t f) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(f & 0x80u) << 24;
  const std::uint32_t magnitude = f & 0x7fu;
  if (magnitude == 0x7fu) return std::bit_cast<float>(sign | 0x7fc00000u);
  if (magnitude >= 8) return std::bit_cast<float>(sign | ((magnitude << 20) + (120u << 23)));
  const float small = static_cast<float>(magnitude) * 0x1p-9f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(small));
}

inline float f8_e5m2_to_f32(std::uint8_t f) noexcept {
  return f16_to_f32(static_cast<std::uint16_t>(f << 8));
}

inline float f8_e8m0_to_f32(std::uint8_t f) noexcept {
  if (f == 0xff) return std::bit_cast<float>(0x7fc00000u);
  if (f == 0) return 0x1p-127f;
  return std::bit_cast<float>(static_cast<std::uint32_t>(f) << 23);
}

}  // namespace lathe
