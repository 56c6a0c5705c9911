// Sixteen float lanes as two AVX2 registers: see generic/lanes.h for what each name means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "kernels/shared/x86.h"

namespace lathe {
namespace {

struct Lanes {
  __m256 lo;
  __m256 hi;

  static Lanes zero() noexcept { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Lanes all(float x) noexcept { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Lanes load(const float* p) noexcept {
    return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
  }
  static Lanes load(const float* p, std::int64_t n) noexcept {
    return {_mm256_maskload_ps(p, mask(n)),
            n > 8 ? _mm256_maskload_ps(p + 8, mask(n - 8)) : _mm256_setzero_ps()};
  }
  void store(float* p) const noexcept {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void store(float* p, std::int64_t n) const noexcept {
    _mm256_maskstore_ps(p, mask(n), lo);
    if (n > 8) _mm256_maskstore_ps(p + 8, mask(n - 8), hi);
  }

  // All ones in the first n lanes of eight.
  static __m256i mask(std::int64_t n) noexcept {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
  }
};

inline __m256i load32(const std::uint8_t* p) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store32(std::uint8_t* p, __m256i v) noexcept {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}

// Sixteen 16-bit values of which only n lie in memory.
struct Halves {
  std::uint16_t v[16];
};
inline Halves gather_halves(const std::uint16_t* p, std::int64_t n) noexcept {
  Halves h = {};
  __builtin_memcpy(h.v, p, static_cast<std::size_t>(n) * sizeof(std::uint16_t));
  return h;
}

inline __m128i load8(const std::uint16_t* p) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline Lanes load_f16(const std::uint16_t* p) noexcept {
  return {_mm256_cvtph_ps(load8(p)), _mm256_cvtph_ps(load8(p + 8))};
}
inline Lanes load_f16(const std::uint16_t* p, std::int64_t n) noexcept {
  const Halves h = gather_halves(p, n);
  return load_f16(h.v);
}
inline __m256 widen_bf16(__m128i h) noexcept {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
inline Lanes load_bf16(const std::uint16_t* p) noexcept {
  return {widen_bf16(load8(p)), widen_bf16(load8(p + 8))};
}
inline Lanes load_bf16(const std::uint16_t* p, std::int64_t n) noexcept {
  const Halves h = gather_halves(p, n);
  return load_bf16(h.v);
}
inline __m256 widen_s8(const std::int8_t* p) noexcept {
  const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight));
}
inline Lanes load_s8(const std::int8_t* p) noexcept { return {widen_s8(p), widen_s8(p + 8)}; }
inline Lanes load_s8(const std::int8_t* p, std::int64_t n) noexcept {
  std::int8_t bytes[16] = {};
  __builtin_memcpy(bytes, p, static_cast<std::size_t>(n));
  return load_s8(bytes);
}
inline void store_f16(Lanes a, std::uint16_t* p) noexcept {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.lo, kNearest));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(a.hi, kNearest));
}
inline void store_f16(Lanes a, std::uint16_t* p, std::int64_t n) noexcept {
  Halves h;
  store_f16(a, h.v);
  __builtin_memcpy(p, h.v, static_cast<std::size_t>(n) * sizeof(std::uint16_t));
}

inline Lanes add(Lanes a, Lanes b) noexcept {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline Lanes sub(Lanes a, Lanes b) noexcept {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline Lanes mul(Lanes a, Lanes b) noexcept {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline Lanes div(Lanes a, Lanes b) noexcept {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline Lanes fma(Lanes a, Lanes b, Lanes c) noexcept {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline float fma1(float a, float b, float c) noexcept { return __builtin_fmaf(a, b, c); }
inline Lanes max(Lanes a, Lanes b) noexcept {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline Lanes min(Lanes a, Lanes b) noexcept {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline Lanes zero_where_less(Lanes a, Lanes b, Lanes c) noexcept {
  return {_mm256_andnot_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), c.lo),
          _mm256_andnot_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ), c.hi)};
}
inline Lanes where_less(Lanes a, Lanes b, Lanes c, Lanes d) noexcept {
  return {_mm256_blendv_ps(d.lo, c.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
          _mm256_blendv_ps(d.hi, c.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}
inline Lanes negate(Lanes a) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}
inline Lanes magnitude(Lanes a) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline __m256 scale_by_power(__m256 p, __m256 t) noexcept {
  const __m256i power = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
}
inline Lanes scale_by_power(Lanes p, Lanes t) noexcept {
  return {scale_by_power(p.lo, t.lo), scale_by_power(p.hi, t.hi)};
}

inline __m128 halve(__m256 v) noexcept {
  return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
inline float sum(Lanes a) noexcept { return sum_of_eight(_mm256_add_ps(a.lo, a.hi)); }
// Four sums, each by the same tree.
inline void sum_four(Lanes a, Lanes b, Lanes c, Lanes d, float* out) noexcept {
  const __m128 four[4] = {halve(_mm256_add_ps(a.lo, a.hi)), halve(_mm256_add_ps(b.lo, b.hi)),
                          halve(_mm256_add_ps(c.lo, c.hi)), halve(_mm256_add_ps(d.lo, d.hi))};
  const __m128 ab = _mm_add_ps(_mm_movelh_ps(four[0], four[1]), _mm_movehl_ps(four[1], four[0]));
  const __m128 cd = _mm_add_ps(_mm_movelh_ps(four[2], four[3]), _mm_movehl_ps(four[3], four[2]));
  _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}
inline float largest(Lanes a) noexcept { return largest_of_eight(_mm256_max_ps(a.lo, a.hi)); }
inline __m128 larger_half(Lanes a) noexcept {
  const __m256 v = _mm256_max_ps(a.lo, a.hi);
  return _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}
inline void largest_four(Lanes a, Lanes b, Lanes c, Lanes d, float* out) noexcept {
  const __m128 four[4] = {larger_half(a), larger_half(b), larger_half(c), larger_half(d)};
  const __m128 ab = _mm_max_ps(_mm_movelh_ps(four[0], four[1]), _mm_movehl_ps(four[1], four[0]));
  const __m128 cd = _mm_max_ps(_mm_movelh_ps(four[2], four[3]), _mm_movehl_ps(four[3], four[2]));
  _mm_storeu_ps(out, _mm_max_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

constexpr int kMatvecRows = 2;
constexpr int kMatvecBatch = 3;
constexpr int kAttendQueries = 6;
constexpr int attend_registers(int queries) noexcept {
  return queries == 1 ? 4 : queries == 2 ? 2 : 1;
}
constexpr bool kLanesAreOneRegister = false;

}  // namespace
}  // namespace lathe
