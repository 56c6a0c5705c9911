// Integer dot products of packed weights with AVX-512 VNNI: see generic/dots.h for what each
// name means. One vpdpbusd is sixteen rows times four inputs of one token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "kernels/avx512/lanes.h"
#include "kernels/avx512/lines.h"
#include "kernels/shared/codes.h"

namespace lathe {
namespace {

struct IntLanes {
  __m512i v;

  static IntLanes all(std::int32_t x) noexcept { return {_mm512_set1_epi32(x)}; }
  template <int kPower>
  IntLanes times_two_to() const noexcept {
    return {kPower < 0 ? _mm512_srai_epi32(v, -kPower & 31) : _mm512_slli_epi32(v, kPower & 31)};
  }
};

inline Lanes to_float(IntLanes a) noexcept { return {_mm512_cvtepi32_ps(a.v)}; }
inline Lanes widen_bytes(const std::int8_t* p) noexcept {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline Lanes widen_unsigned(const std::uint8_t* p) noexcept {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline Lanes powers_of_two(const std::uint8_t* p) noexcept {
  const __m512i bits = _mm512_slli_epi32(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 23);
  return {_mm512_castsi512_ps(_mm512_max_epi32(bits, _mm512_set1_epi32(0x00400000)))};
}
inline void store_low_bytes(Lanes a, std::int8_t* p) noexcept {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(a.v)));
}

struct Grid {
  __m512i v;  // the sixteen values four times

  static Grid load(const std::int8_t* p) noexcept {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_broadcast_i32x4(_mm_xor_si128(values, _mm_set1_epi8(-128)))};
  }
};

// The codes of a quad, or what they stand for on the grid.
template <typename C, int quad>
inline __attribute__((always_inline)) __m512i weights_of(Grid grid,
                                                         const std::uint8_t* block) noexcept {
  const __m512i codes = codes_of<C, Line, quad>(block).v;
  return C::kGrid ? _mm512_shuffle_epi8(grid.v, codes) : codes;
}

// sums += weights · the four inputs at x, for each of sixteen rows. By hand, because GCC loads
// the inputs into a register first and copies the sums back and forth: twice the instructions.
inline __attribute__((always_inline)) void add_dot(IntLanes* sums, __m512i weights,
                                                   const std::int8_t* x) noexcept {
  struct Four {
    std::int8_t v[4];
  };
  __asm__("vpdpbusd %2%{1to16%}, %1, %0"
          : "+v"(sums->v)
          : "v"(weights), "m"(*reinterpret_cast<const Four*>(x)));
}

// The same for eight tokens, whose inputs stand side by side. In one piece: between single ones
// GCC still copies the sums.
template <int kStep>
inline void add_dots_of_eight(IntLanes (&sums)[8], __m512i weights, const std::int8_t* x) noexcept {
  struct Four {
    std::int8_t v[kStep];
  };
  const auto* of = reinterpret_cast<const Four*>(x);
  __asm__(
      "vpdpbusd %9%{1to16%}, %8, %0\n\t"
      "vpdpbusd %10%{1to16%}, %8, %1\n\t"
      "vpdpbusd %11%{1to16%}, %8, %2\n\t"
      "vpdpbusd %12%{1to16%}, %8, %3\n\t"
      "vpdpbusd %13%{1to16%}, %8, %4\n\t"
      "vpdpbusd %14%{1to16%}, %8, %5\n\t"
      "vpdpbusd %15%{1to16%}, %8, %6\n\t"
      "vpdpbusd %16%{1to16%}, %8, %7"
      : "+v"(sums[0].v), "+v"(sums[1].v), "+v"(sums[2].v), "+v"(sums[3].v), "+v"(sums[4].v),
        "+v"(sums[5].v), "+v"(sums[6].v), "+v"(sums[7].v)
      : "v"(weights), "m"(of[0]), "m"(of[1]), "m"(of[2]), "m"(of[3]), "m"(of[4]), "m"(of[5]),
        "m"(of[6]), "m"(of[7]));
}

template <int Tokens, int kStep>
inline __attribute__((always_inline)) void add_dots_of_quad(IntLanes (&sums)[Tokens],
                                                            __m512i weights,
                                                            const std::int8_t* x) noexcept {
  if constexpr (Tokens == 8) {
    add_dots_of_eight<kStep>(sums, weights, x);
  } else {
    // Numbers that are constants keep the sums in registers, which a loop does not.
    each_quad<Tokens>([&](auto t) __attribute__((always_inline)) {
      constexpr int kToken = decltype(t)::kNumber;
      add_dot(&sums[kToken], weights, x + kStep * kToken);
    });
  }
}

constexpr std::int64_t kStreamAhead = 4096;

template <typename C, int Tokens, int kStep = 4>
inline __attribute__((always_inline)) void add_dots(Grid grid, const std::uint8_t* blocks,
                                                    std::int64_t count, const std::int8_t* x,
                                                    std::int64_t quad_stride, IntLanes (&c)[Tokens],
                                                    std::int64_t ahead = kStreamAhead) noexcept {
  const std::uint8_t* end = blocks + C::kBlockBytes * count;
  do {
    for (int line = 0; line < C::kBlockBytes; line += 64) prefetch(blocks + ahead + line);
    each_quad<C::kQuads>([&](auto quad) __attribute__((always_inline)) {
      // Inputs of many tokens come from the second-level cache, or further: two quads are a line.
      if constexpr (Tokens == 8 && kStep == 4 && decltype(quad)::kNumber % 2 == 0) {
        prefetch(x + 1024);
      }
      add_dots_of_quad<Tokens, kStep>(c, weights_of<C, decltype(quad)::kNumber>(grid, blocks), x);
      x += quad_stride;
    });
    blocks += C::kBlockBytes;
  } while (blocks != end);
}

// Three sums for each of eight tokens, one of them of integers; enough to hide a dot product's
// latency.
constexpr int kBlockTokens = 8;
constexpr int kDirectTokens = kBlockTokens;
constexpr std::int64_t kFewTokens = kBlockTokens;  // none are prepared
constexpr bool kSignedWeights = false;

}  // namespace
}  // namespace lathe
