// Which of sixteen increasing values is next to each lane. See generic/grid.h for what each name
// means.
//
// Buckets of width 8 cover -124 … 132, and each holds one border at most
// (SearchKernels::find_grid_scales asks for that). So two look-ups among 32 and one comparison give
// what a search would: the border that a value's bucket may hold, and what is next to the bucket's
// lower end (`near`), which on the border's far side is what is next to the following bucket's.
#pragma once

#include "kernels/avx512/lanes.h"

namespace lathe {
namespace {

class GridLookup {
 public:
  static constexpr float kUnit = 0.125f;  // numbers of buckets
  using Codes = __m512i;

  // grid: 16 values; borders: the 15 between them.
  GridLookup(const float* grid, const float* borders) noexcept : values_(_mm512_loadu_ps(grid)) {
    const __m512 all_borders =
        _mm512_mask_loadu_ps(_mm512_set1_ps(__builtin_inff()), 0x7fff, borders);
    const __m512 first_edges =
        _mm512_setr_ps(-124.0f, -116.0f, -108.0f, -100.0f, -92.0f, -84.0f, -76.0f, -68.0f, -60.0f,
                       -52.0f, -44.0f, -36.0f, -28.0f, -20.0f, -12.0f, -4.0f);
    for (int half = 0; half < 2; ++half) {
      const __m512 edges = _mm512_add_ps(first_edges, _mm512_set1_ps(half == 0 ? 0.0f : 128.0f));
      const __m512i below = search(all_borders, edges);
      near_code_[half] = below;
      near_value_[half] = _mm512_permutexvar_ps(below, values_);
      border_[half] =
          _mm512_mul_ps(_mm512_permutexvar_ps(below, all_borders), _mm512_set1_ps(kUnit));
    }
  }

  // The number of borders below t.
  Codes code(Lanes t) const noexcept {
    return _mm512_permutex2var_epi32(near_code_[0], place(t), near_code_[1]);
  }
  Lanes value(Codes code) const noexcept { return {_mm512_permutexvar_ps(code, values_)}; }
  // The value next to t: value(code(t)).
  Lanes nearest_value(Lanes t) const noexcept {
    return {_mm512_permutex2var_ps(near_value_[0], place(t), near_value_[1])};
  }
  static Lanes as_float(Codes code) noexcept { return {_mm512_cvtepi32_ps(code)}; }

 private:
  // The bucket of t, or the next one where t is above its border.
  __m512i place(Lanes t) const noexcept {
    // Beyond the outermost borders all is alike. Adding 1.5·2^23 leaves the nearest whole number
    // in the low bits.
    const __m512 inside = _mm512_range_ps(t.v, _mm512_set1_ps(15.49f), 2);  // keeps the sign
    const __m512 number = _mm512_add_ps(inside, _mm512_set1_ps(0x1.8p23f + 15.0f));
    const __m512i bucket = _mm512_castps_si512(number);
    const __m512 border = _mm512_permutex2var_ps(border_[0], bucket, border_[1]);
    return _mm512_mask_add_epi32(bucket, _mm512_cmp_ps_mask(border, t.v, _CMP_LT_OQ), bucket,
                                 _mm512_set1_epi32(1));
  }

  // The number of borders below each of `t`.
  static __m512i search(__m512 borders, __m512 t) noexcept {
    __m512i below = _mm512_setzero_si512();
    for (int size = 8; size > 0; size /= 2) {
      const __m512i middle = _mm512_add_epi32(below, _mm512_set1_epi32(size - 1));
      const __mmask16 above =
          _mm512_cmp_ps_mask(_mm512_permutexvar_ps(middle, borders), t, _CMP_LT_OQ);
      below = _mm512_mask_add_epi32(below, above, below, _mm512_set1_epi32(size));
    }
    return below;
  }

  __m512 values_;
  __m512i near_code_[2];  // of the 32 buckets
  __m512 near_value_[2], border_[2];
};

}  // namespace
}  // namespace lathe
