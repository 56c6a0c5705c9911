// Numbers of four bits: a sign, two bits of exponent and one of mantissa (OCP Microscaling 1.0).
#pragma once

#include <cmath>
#include <cstdint>

namespace lathe {

inline constexpr float kLargestE2M1 = 6.0f;

inline constexpr float kE2M1Magnitudes[8] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};

// A sum over the borders below a magnitude: `low` for each of the four between values that are .5
// apart, `mid` for the two between whole ones, `high` for the last. In the middle the value with an
// even number is the nearest, as the standard has it. Sums, not look-ups: loops become vectors.
inline float sum_of_e2m1_borders(float a, float low, float mid, float high) noexcept {
  float sum = a > 0.25f ? low : 0.0f;
  sum += a >= 0.75f ? low : 0.0f;
  sum += a > 1.25f ? low : 0.0f;
  sum += a >= 1.75f ? low : 0.0f;
  sum += a > 2.5f ? mid : 0.0f;
  sum += a >= 3.5f ? mid : 0.0f;
  sum += a > 5.0f ? high : 0.0f;
  return sum;
}

inline float nearest_e2m1(float x) noexcept {
  return std::copysign(sum_of_e2m1_borders(std::fabs(x), 0.5f, 1.0f, 2.0f), x);
}

// With the sign as the highest of four bits; there is one 0.
inline float e2m1_code_as_float(float x) noexcept {
  const float code = sum_of_e2m1_borders(std::fabs(x), 1.0f, 1.0f, 1.0f);
  return code + (code > 0.0f && x < 0.0f ? 8.0f : 0.0f);
}

inline float e2m1_value(float code) noexcept {
  const auto bits = static_cast<unsigned>(code);
  const float magnitude = kE2M1Magnitudes[bits & 7u];
  return (bits & 8u) != 0 ? -magnitude : magnitude;
}

}  // namespace lathe
