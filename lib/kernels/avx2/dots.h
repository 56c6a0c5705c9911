// Integer dot products of packed weights with AVX2: see generic/dots.h for what each name
// means.
//
// vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, and saturates:
// with weights up to 15 two products are at most 2·15·127 = 3810, and eight such sums still
// fit; with weights up to 255 not even one does (2·255·127 = 64770). So small weights are
// summed in 16 bits, eight quads at a time, and the others are widened to 16 bits first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "kernels/avx2/lanes.h"

namespace lathe {
namespace {

enum class Source { kNibbles, kGridNibbles, kBytes };

struct IntLanes {
  __m256i lo;
  __m256i hi;

  static IntLanes all(std::int32_t x) noexcept {
    return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
  }
  IntLanes times_sixteen() const noexcept {
    return {_mm256_slli_epi32(lo, 4), _mm256_slli_epi32(hi, 4)};
  }
};

inline Lanes to_float(IntLanes a) noexcept {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}
inline __m256 widen_eight(const std::int8_t* p) noexcept {
  return _mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline Lanes widen_bytes(const std::int8_t* p) noexcept {
  return {widen_eight(p), widen_eight(p + 8)};
}
inline void store_low_bytes(Lanes a, std::int8_t* p) noexcept {
  const __m256i byte = _mm256_set1_epi32(255);
  const __m256i words = _mm256_packus_epi32(_mm256_and_si256(_mm256_castps_si256(a.lo), byte),
                                            _mm256_and_si256(_mm256_castps_si256(a.hi), byte));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}

struct Grid {
  __m256i v;  // the sixteen values twice

  static Grid load(const std::int8_t* p) noexcept {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_broadcastsi128_si256(_mm_xor_si128(values, _mm_set1_epi8(-128)))};
  }
};

constexpr int quads_per_line(Source source) noexcept {
  return source == Source::kNibbles || source == Source::kGridNibbles ? 2 : 1;
}

inline __m256i load32(const std::uint8_t* p) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline std::int32_t four_inputs(const std::int8_t* x) noexcept {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return four;
}
inline __m256i low_nibbles(__m256i v) noexcept { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
inline __m256i high_nibbles(__m256i v) noexcept { return low_nibbles(_mm256_srli_epi16(v, 4)); }
// Pairs of 16-bit sums to 32 bits.
inline __m256i widen_sums(__m256i c, __m256i sums) noexcept {
  return _mm256_add_epi32(c, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

// sums += products of two neighbours each. The empty assembler keeps GCC from adding the products
// of several calls first, for which it has too few registers.
inline void add_products(__m256i* sums, __m256i weights, __m256i inputs) noexcept {
  *sums = _mm256_add_epi16(*sums, _mm256_maddubs_epi16(weights, inputs));
  __asm__("" : "+x"(*sums));
}

// Nibbles: eight quads of a tile in 16 bits, then widen.
template <int Tokens>
inline __attribute__((always_inline)) void add_small(const std::uint8_t* lines, std::int64_t count,
                                                     const std::int8_t* x, std::int64_t quad_stride,
                                                     IntLanes (&c)[Tokens]) noexcept {
  constexpr std::int64_t kRun = 4;
  for (std::int64_t start = 0; start < count; start += kRun) {
    const std::int64_t end = start + kRun < count ? start + kRun : count;
    __m256i lo[Tokens];
    __m256i hi[Tokens];
    for (int t = 0; t < Tokens; ++t) lo[t] = hi[t] = _mm256_setzero_si256();
    for (std::int64_t l = start; l < end; ++l) {
      const std::uint8_t* p = lines + 64 * l;
      prefetch(p + 4096);
      const __m256i low = load32(p);
      const __m256i high = load32(p + 32);
      for (int t = 0; t < Tokens; ++t) {
        const __m256i first = _mm256_set1_epi32(four_inputs(x + 2 * l * quad_stride + 4 * t));
        add_products(&lo[t], low_nibbles(low), first);
        add_products(&hi[t], low_nibbles(high), first);
      }
      for (int t = 0; t < Tokens; ++t) {
        const __m256i second =
            _mm256_set1_epi32(four_inputs(x + (2 * l + 1) * quad_stride + 4 * t));
        add_products(&lo[t], high_nibbles(low), second);
        add_products(&hi[t], high_nibbles(high), second);
      }
    }
    for (int t = 0; t < Tokens; ++t) {
      c[t].lo = widen_sums(c[t].lo, lo[t]);
      c[t].hi = widen_sums(c[t].hi, hi[t]);
    }
  }
}

// Sums of a tile in the making: each row has two, of its inputs 0, 1 and 2, 3.
struct Pairs {
  __m256i four[4];  // rows 0-3, 4-7, 8-11, 12-15
};
inline void add_pairs(Pairs* sums, const __m256i (&w)[4], __m256i input) noexcept {
  for (int i = 0; i < 4; ++i) {
    sums->four[i] = _mm256_add_epi32(sums->four[i], _mm256_madd_epi16(w[i], input));
  }
}
inline __m256i join_pairs(__m256i a, __m256i b) noexcept {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
}

// Any weights: four rows of a line, widened to 16 bits, at a time.
template <Source kSource, int Tokens>
inline __attribute__((always_inline)) void add_wide(Grid grid, const std::uint8_t* lines,
                                                    std::int64_t count, const std::int8_t* x,
                                                    std::int64_t quad_stride,
                                                    IntLanes* c) noexcept {
  Pairs sums[Tokens];
  for (int t = 0; t < Tokens; ++t) {
    for (__m256i& s : sums[t].four) s = _mm256_setzero_si256();
  }
  for (std::int64_t l = 0; l < count; ++l) {
    const std::uint8_t* p = lines + 64 * l;
    prefetch(p + 4096);
    for (int quad = 0; quad < quads_per_line(kSource); ++quad) {
      __m256i w[4];
      if constexpr (kSource == Source::kGridNibbles) {
        for (int half = 0; half < 2; ++half) {
          const __m256i line = load32(p + 32 * half);
          const __m256i index = quad == 0 ? low_nibbles(line) : high_nibbles(line);
          const __m256i value = _mm256_shuffle_epi8(grid.v, index);
          w[2 * half] = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(value));
          w[2 * half + 1] = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(value, 1));
        }
      } else {
        for (int i = 0; i < 4; ++i) {
          w[i] =
              _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i)));
        }
      }
      for (int t = 0; t < Tokens; ++t) {
        const std::int8_t* in = x + (quads_per_line(kSource) * l + quad) * quad_stride + 4 * t;
        add_pairs(&sums[t], w, _mm256_cvtepi8_epi16(_mm_set1_epi32(four_inputs(in))));
      }
    }
  }
  for (int t = 0; t < Tokens; ++t) {
    c[t].lo = _mm256_add_epi32(c[t].lo, join_pairs(sums[t].four[0], sums[t].four[1]));
    c[t].hi = _mm256_add_epi32(c[t].hi, join_pairs(sums[t].four[2], sums[t].four[3]));
  }
}

template <Source kSource, int Tokens>
inline __attribute__((always_inline)) void add_dots(Grid grid, const std::uint8_t* lines,
                                                    std::int64_t count, const std::int8_t* x,
                                                    std::int64_t quad_stride,
                                                    IntLanes (&c)[Tokens]) noexcept {
  if constexpr (kSource == Source::kNibbles) {
    add_small<Tokens>(lines, count, x, quad_stride, c);
  } else {
    // Two at a time, whose sums are half of the registers.
    constexpr int kPairs = Tokens / 2;
    for (int t = 0; t < 2 * kPairs; t += 2) {
      add_wide<kSource, 2>(grid, lines, count, x + 4 * t, quad_stride, c + t);
    }
    if constexpr (Tokens % 2 == 1) {
      add_wide<kSource, 1>(grid, lines, count, x + 8 * kPairs, quad_stride, c + 2 * kPairs);
    }
  }
}

// Eight sums in 16 bits leave room for weights and inputs in sixteen registers; the others wait in
// memory for the end of a group.
constexpr int kBlockTokens = 4;

}  // namespace
}  // namespace lathe
