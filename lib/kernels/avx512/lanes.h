// Sixteen float lanes as one AVX-512 register: see generic/lanes.h for what each name means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "kernels/shared/x86.h"

namespace lathe {
namespace {

struct Lanes {
  __m512 v;

  static Lanes zero() noexcept { return {_mm512_setzero_ps()}; }
  static Lanes all(float x) noexcept { return {_mm512_set1_ps(x)}; }
  static Lanes load(const float* p) noexcept { return {_mm512_loadu_ps(p)}; }
  static Lanes load(const float* p, std::int64_t n) noexcept {
    return {_mm512_maskz_loadu_ps(mask(n), p)};
  }
  void store(float* p) const noexcept { _mm512_storeu_ps(p, v); }
  void store(float* p, std::int64_t n) const noexcept { _mm512_mask_storeu_ps(p, mask(n), v); }

  // Ones for the first n lanes.
  static __mmask16 mask(std::int64_t n) noexcept {
    return static_cast<__mmask16>((1u << static_cast<unsigned>(n)) - 1u);
  }
};

inline Lanes load_f16(const std::uint16_t* p) noexcept {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Lanes load_f16(const std::uint16_t* p, std::int64_t n) noexcept {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(Lanes::mask(n), p))};
}
inline Lanes widen_bf16(__m256i h) noexcept {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
}
inline Lanes load_bf16(const std::uint16_t* p) noexcept {
  return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Lanes load_bf16(const std::uint16_t* p, std::int64_t n) noexcept {
  return widen_bf16(_mm256_maskz_loadu_epi16(Lanes::mask(n), p));
}
inline Lanes widen_s8(__m128i b) noexcept { return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(b))}; }
inline Lanes load_s8(const std::int8_t* p) noexcept {
  return widen_s8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Lanes load_s8(const std::int8_t* p, std::int64_t n) noexcept {
  return widen_s8(_mm_maskz_loadu_epi8(Lanes::mask(n), p));
}
inline __m256i narrow_f16(Lanes a) noexcept {
  return _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline void store_f16(Lanes a, std::uint16_t* p) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow_f16(a));
}
inline void store_f16(Lanes a, std::uint16_t* p, std::int64_t n) noexcept {
  _mm256_mask_storeu_epi16(p, Lanes::mask(n), narrow_f16(a));
}

inline Lanes add(Lanes a, Lanes b) noexcept { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes sub(Lanes a, Lanes b) noexcept { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes mul(Lanes a, Lanes b) noexcept { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes div(Lanes a, Lanes b) noexcept { return {_mm512_div_ps(a.v, b.v)}; }
inline Lanes fma(Lanes a, Lanes b, Lanes c) noexcept { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline float fma1(float a, float b, float c) noexcept { return __builtin_fmaf(a, b, c); }
inline Lanes max(Lanes a, Lanes b) noexcept { return {_mm512_max_ps(a.v, b.v)}; }
inline Lanes min(Lanes a, Lanes b) noexcept { return {_mm512_min_ps(a.v, b.v)}; }
inline Lanes zero_where_less(Lanes a, Lanes b, Lanes c) noexcept {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_NLT_UQ), c.v)};
}
inline Lanes where_less(Lanes a, Lanes b, Lanes c, Lanes d) noexcept {
  return {_mm512_mask_mov_ps(d.v, _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), c.v)};
}
inline Lanes negate(Lanes a) noexcept { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
inline Lanes magnitude(Lanes a) noexcept { return {_mm512_abs_ps(a.v)}; }
inline Lanes scale_by_power(Lanes p, Lanes t) noexcept {
  const __m512i power = _mm512_slli_epi32(_mm512_castps_si512(t.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.v), power))};
}

inline float sum(Lanes a) noexcept {
  return sum_of_eight(_mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1)));
}
// Four registers, each folded by the same tree: their halves are joined side by side, two to a
// register, then their quarters, four to a register.
template <typename Join>
void fold_four(Lanes a, Lanes b, Lanes c, Lanes d, Join&& join, float* out) noexcept {
  const __m512 ab =
      join(_mm512_shuffle_f32x4(a.v, b.v, 0x44), _mm512_shuffle_f32x4(a.v, b.v, 0xee));
  const __m512 cd =
      join(_mm512_shuffle_f32x4(c.v, d.v, 0x44), _mm512_shuffle_f32x4(c.v, d.v, 0xee));
  const __m512 four = join(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  const __m512 two = join(four, _mm512_permute_ps(four, 0x4e));
  const __m512 one = join(two, _mm512_permute_ps(two, 0xb1));
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, one)));
}
inline void sum_four(Lanes a, Lanes b, Lanes c, Lanes d, float* out) noexcept {
  fold_four(
      a, b, c, d, [](__m512 x, __m512 y) { return _mm512_add_ps(x, y); }, out);
}
inline float largest(Lanes a) noexcept {
  return largest_of_eight(
      _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1)));
}
inline void largest_four(Lanes a, Lanes b, Lanes c, Lanes d, float* out) noexcept {
  fold_four(
      a, b, c, d, [](__m512 x, __m512 y) { return _mm512_max_ps(x, y); }, out);
}

constexpr int kMatvecRows = 4;
constexpr int kMatvecBatch = 6;
constexpr int kAttendQueries = 8;
constexpr int attend_registers(int queries) noexcept { return queries <= 6 ? 4 : 1; }
constexpr bool kLanesAreOneRegister = true;

}  // namespace
}  // namespace lathe
