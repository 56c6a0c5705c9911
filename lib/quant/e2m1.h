// Numbers of four bits: a sign, two bits of exponent and one of mantissa (OCP Microscaling 1.0).
#pragma once

#include <cmath>
#include <cstdint>

namespace lathe {

inline constexpr float kLargestE2M1 = 6.0f;

inline constexpr float kE2M1Magnitudes[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};

// Which of the eight is next to |x|; in the middle the one with an even number, as the standard
// has it.
inline int e2m1_magnitude(float x) noexcept {
  const float a = std::fabs(x);
  int code = 0;
  code += a > 0.25f ? 1 : 0;
  code += a >= 0.75f ? 1 : 0;
  code += a > 1.25f ? 1 : 0;
  code += a >= 1.75f ? 1 : 0;
  code += a > 2.5f ? 1 : 0;
  code += a >= 3.5f ? 1 : 0;
  code += a > 5.0f ? 1 : 0;
  return code;
}

inline float nearest_e2m1(float x) noexcept {
  return std::copysign(kE2M1Magnitudes[e2m1_magnitude(x)], x);
}

// With the sign as the highest of four bits; there is one 0.
inline std::uint8_t e2m1_code(float x) noexcept {
  const int magnitude = e2m1_magnitude(x);
  return static_cast<std::uint8_t>(magnitude | (magnitude > 0 && x < 0.0f ? 8 : 0));
}

}  // namespace lathe
