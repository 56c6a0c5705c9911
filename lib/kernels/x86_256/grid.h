// Which of sixteen increasing values is next to each lane: a search in four steps, the borders
// looked up in registers. See generic/grid.h for what each name means.
#pragma once

#include "kernels/x86_256/lanes.h"

namespace lathe {
namespace {

class GridLookup {
 public:
  static constexpr float kUnit = 1.0f;
  struct Codes {
    __m256i lo, hi;
  };

  // grid: 16 values; borders: the 15 between them.
  GridLookup(const float* grid, const float* borders) noexcept
      : values_lo_(_mm256_loadu_ps(grid)),
        values_hi_(_mm256_loadu_ps(grid + 8)),
        step_8_(_mm256_set1_ps(borders[7])),
        step_4_(_mm256_setr_ps(borders[3], borders[11], 0, 0, 0, 0, 0, 0)),
        step_2_(_mm256_setr_ps(borders[1], borders[5], borders[9], borders[13], 0, 0, 0, 0)),
        step_1_(_mm256_setr_ps(borders[0], borders[2], borders[4], borders[6], borders[8],
                               borders[10], borders[12], borders[14])) {}

  // The number of borders below t.
  Codes code(Lanes t) const noexcept { return {code(t.lo), code(t.hi)}; }
  Lanes value(Codes code) const noexcept { return {value(code.lo), value(code.hi)}; }
  // The value next to t: value(code(t)).
  Lanes nearest_value(Lanes t) const noexcept { return value(code(t)); }
  static Lanes as_float(Codes code) noexcept {
    return {_mm256_cvtepi32_ps(code.lo), _mm256_cvtepi32_ps(code.hi)};
  }

 private:
  __m256i code(__m256 t) const noexcept {
    // A comparison that holds is -1: doubling and taking it away adds a binary digit.
    __m256i c = _mm256_sub_epi32(_mm256_setzero_si256(), below(step_8_, t));
    c = next_digit(c, step_4_, t);
    c = next_digit(c, step_2_, t);
    return next_digit(c, step_1_, t);
  }
  static __m256i next_digit(__m256i c, __m256 borders, __m256 t) noexcept {
    const __m256i holds = below(_mm256_permutevar8x32_ps(borders, c), t);
    return _mm256_sub_epi32(_mm256_add_epi32(c, c), holds);
  }
  __m256 value(__m256i code) const noexcept {
    // The look-ups take the three low bits; the fourth, as a sign, chooses between them.
    const __m256 high = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(values_lo_, code),
                            _mm256_permutevar8x32_ps(values_hi_, code), high);
  }
  static __m256i below(__m256 border, __m256 t) noexcept {
    return _mm256_castps_si256(_mm256_cmp_ps(border, t, _CMP_LT_OQ));
  }

  __m256 values_lo_, values_hi_, step_8_, step_4_, step_2_, step_1_;
};

}  // namespace
}  // namespace lathe
