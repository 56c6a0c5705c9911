// Numbers of four bits: a sign, two bits of exponent and one of mantissa (OCP Microscaling 1.0).
#pragma once

#include <cmath>
#include <cstdint>

namespace lathe {

inline constexpr float kLargestE2M1 = 6.0f;

inline constexpr float kE2M1Magnitudes[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};

// The nearest; in the middle the one with an even number, as the standard has it. A sum of steps,
// not a look-up: loops over it become vectors.
inline float nearest_e2m1(float x) noexcept {
  const float a = std::fabs(x);
  float nearest = a > 0.25f ? 0.5f : 0.0f;
  nearest += a >= 0.75f ? 0.5f : 0.0f;
  nearest += a > 1.25f ? 0.5f : 0.0f;
  nearest += a >= 1.75f ? 0.5f : 0.0f;
  nearest += a > 2.5f ? 1.0f : 0.0f;
  nearest += a >= 3.5f ? 1.0f : 0.0f;
  nearest += a > 5.0f ? 2.0f : 0.0f;
  return std::copysign(nearest, x);
}

// With the sign as the highest of four bits; there is one 0.
inline float e2m1_code_as_float(float x) noexcept {
  const float a = std::fabs(x);
  float code = a > 0.25f ? 1.0f : 0.0f;
  code += a >= 0.75f ? 1.0f : 0.0f;
  code += a > 1.25f ? 1.0f : 0.0f;
  code += a >= 1.75f ? 1.0f : 0.0f;
  code += a > 2.5f ? 1.0f : 0.0f;
  code += a >= 3.5f ? 1.0f : 0.0f;
  code += a > 5.0f ? 1.0f : 0.0f;
  return code + (code > 0.0f && x < 0.0f ? 8.0f : 0.0f);
}

inline float e2m1_value(float code) noexcept {
  const auto bits = static_cast<unsigned>(code);
  const float magnitude = kE2M1Magnitudes[bits & 7u];
  return (bits & 8u) != 0 ? -magnitude : magnitude;
}

}  // namespace lathe
