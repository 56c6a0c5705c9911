// Which of sixteen increasing values is next to each lane: a search in four steps, the borders
// looked up in registers.
#pragma once

#include "kernels/avx512/lanes.h"

namespace lathe {
namespace {

class GridLookup {
 public:
  // grid: 16 values; borders: the 15 between them.
  GridLookup(const float* grid, const float* borders) noexcept
      : values_(_mm512_loadu_ps(grid)),
        at_7_(_mm512_set1_ps(borders[7])),
        from_0_(_mm512_maskz_loadu_ps(0x7fff, borders)),
        from_1_(_mm512_maskz_loadu_ps(0x3fff, borders + 1)),
        from_3_(_mm512_maskz_loadu_ps(0x0fff, borders + 3)) {}

  // The number of borders below t.
  __m512i code(Lanes t) const noexcept {
    __m512i c = _mm512_maskz_set1_epi32(_mm512_cmp_ps_mask(at_7_, t.v, _CMP_LT_OQ), 8);
    c = step(c, from_3_, t, 4);
    c = step(c, from_1_, t, 2);
    return step(c, from_0_, t, 1);
  }
  Lanes value(__m512i code) const noexcept { return {_mm512_permutexvar_ps(code, values_)}; }
  static Lanes as_float(__m512i code) noexcept { return {_mm512_cvtepi32_ps(code)}; }

 private:
  static __m512i step(__m512i c, __m512 borders, Lanes t, int size) noexcept {
    const __m512 border = _mm512_permutexvar_ps(c, borders);
    return _mm512_mask_add_epi32(c, _mm512_cmp_ps_mask(border, t.v, _CMP_LT_OQ), c,
                                 _mm512_set1_epi32(size));
  }

  __m512 values_, at_7_, from_0_, from_1_, from_3_;
};

}  // namespace
}  // namespace lathe
