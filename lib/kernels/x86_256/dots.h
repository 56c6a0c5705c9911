// Integer dot products of packed weights in 256-bit registers: see generic/dots.h for what each
// name means. Included by the tables of 256 bits after x86_256/lanes.h and their weights.h, which
// says how weights are multiplied.
//
// A tile is two halves of eight rows. Sixteen registers hold the sums of both for four tokens, or
// of one for eight. The weights of kFewTokens tokens are multiplied as they come, kDirectTokens at
// a time; for more they are prepared first, half by half, in a form that costs nothing to load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#include "kernels/x86_256/lines.h"

namespace lathe {
namespace {

struct IntLanes {
  __m256i half[2];

  static IntLanes all(std::int32_t x) noexcept {
    return {{_mm256_set1_epi32(x), _mm256_set1_epi32(x)}};
  }
  template <int kPower>
  IntLanes times_two_to() const noexcept {
    const auto shift = [](__m256i v) {
      return kPower < 0 ? _mm256_srai_epi32(v, -kPower & 31) : _mm256_slli_epi32(v, kPower & 31);
    };
    return {{shift(half[0]), shift(half[1])}};
  }
};

inline Lanes to_float(IntLanes a) noexcept {
  return {_mm256_cvtepi32_ps(a.half[0]), _mm256_cvtepi32_ps(a.half[1])};
}
inline Lanes widen_bytes(const std::int8_t* p) noexcept { return load_s8(p); }
inline Lanes widen_unsigned(const std::uint8_t* p) noexcept {
  const auto half = [](const std::uint8_t* from) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  };
  return {half(p), half(p + 8)};
}
inline Lanes powers_of_two(const std::uint8_t* p) noexcept {
  const auto half = [](const std::uint8_t* from) {
    const __m256i bytes =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
    const __m256i bits = _mm256_slli_epi32(bytes, 23);
    return _mm256_castsi256_ps(_mm256_max_epi32(bits, _mm256_set1_epi32(0x00400000)));
  };
  return {half(p), half(p + 8)};
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

inline __m256i four_inputs(const std::int8_t* x) noexcept {
  std::int32_t four;
  __builtin_memcpy(&four, x, sizeof(four));
  return _mm256_set1_epi32(four);
}
constexpr std::int64_t kStreamAhead = 4096;

// So many tokens at a time are multiplied with weights as they are stored.
constexpr int kDirectTokens = 4;

// Calls add(first, end) for all of [0, count), in runs of at most `run` (0: no limit): as many as
// sums of 16 bits can take.
template <std::int64_t run, typename Add>
inline __attribute__((always_inline)) void in_runs(std::int64_t count, Add add) noexcept {
  if constexpr (run == 0) {
    add(0, count);
  } else {
    for (std::int64_t first = 0; first < count; first += run) {
      add(first, first + run < count ? first + run : count);
    }
  }
}

// Blocks whose quads fit sums of `Weights`, at least one; 0: any number.
template <typename C, typename Weights>
constexpr std::int64_t blocks_per_run() noexcept {
  if (Weights::kQuads == 0) return 0;
  return Weights::kQuads < C::kQuads ? 1 : Weights::kQuads / C::kQuads;
}

// Whether the sums are full after a quad that is not the last of its block.
template <typename C, typename Weights>
constexpr bool is_full_after(int quad) noexcept {
  return Weights::kQuads != 0 && Weights::kQuads < C::kQuads && quad + 1 < C::kQuads &&
         (quad + 1) % Weights::kQuads == 0;
}

template <typename C, int Tokens, int kStep = 4>
inline __attribute__((always_inline)) void add_dots(const Grid& grid, const std::uint8_t* blocks,
                                                    std::int64_t count, const std::int8_t* x,
                                                    std::int64_t quad_stride, IntLanes (&c)[Tokens],
                                                    std::int64_t ahead = kStreamAhead) noexcept {
  using Weights = decltype(direct_weights<C>(grid, __m256i{}));
  in_runs<blocks_per_run<C, Weights>()>(
      count, [&](std::int64_t first, std::int64_t end) __attribute__((always_inline)) {
        __m256i sums[Tokens][2];
        const auto start = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
          for (int t = 0; t < Tokens; ++t) {
            sums[t][0] = Weights::start(c[t].half[0]);
            sums[t][1] = Weights::start(c[t].half[1]);
          }
        };
        const auto finish = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
          for (int t = 0; t < Tokens; ++t) {
            c[t].half[0] = Weights::whole(sums[t][0], c[t].half[0]);
            c[t].half[1] = Weights::whole(sums[t][1], c[t].half[1]);
          }
        };
        start();
        for (std::int64_t b = first; b < end; ++b) {
          const std::uint8_t* p = blocks + C::kBlockBytes * b;
          for (int line = 0; line < C::kBlockBytes; line += 64) prefetch(p + ahead + line);
          each_quad<C::kQuads>([&](auto quad) __attribute__((always_inline)) {
            constexpr int kQuad = decltype(quad)::kNumber;
            const Weights w[2] = {direct_weights<C>(grid, codes_of<C, Line, kQuad>(p).v),
                                  direct_weights<C>(grid, codes_of<C, Line, kQuad>(p + 32).v)};
#pragma GCC unroll 8
            for (int t = 0; t < Tokens; ++t) {
              const __m256i input = four_inputs(x + kStep * t);
              w[0].add_product(&sums[t][0], input);
              w[1].add_product(&sums[t][1], input);
            }
            x += quad_stride;
            if constexpr (is_full_after<C, Weights>(kQuad)) {
              finish();
              start();
            }
          });
        }
        finish();
      });
}

// Prepares `count` blocks: for each half, where the weights need one, their correction, and then
// its quads. Returns the end of what it wrote.
template <typename C>
inline std::uint8_t* prepare(const Grid& grid, const std::uint8_t* blocks, std::int64_t count,
                             std::uint8_t* to) noexcept {
  using Weights = decltype(prepared_weights<C>(grid, __m256i{}));
  for (int h = 0; h < 2; ++h) {
    std::uint8_t* const begin = to;
    if constexpr (Weights::kCorrected) to += 32;
    __m256i correction = _mm256_setzero_si256();
    for (std::int64_t b = 0; b < count; ++b) {
      const std::uint8_t* p = blocks + C::kBlockBytes * b + 32 * h;
      for (int line = 0; line < C::kBlockBytes; line += 64) prefetch(p + kStreamAhead + line);
      each_quad<C::kQuads>([&](auto quad) __attribute__((always_inline)) {
        const Weights w =
            prepared_weights<C>(grid, codes_of<C, Line, decltype(quad)::kNumber>(p).v);
        w.store(to);
        to += Weights::kBytes;
        if constexpr (Weights::kCorrected) {
          correction = _mm256_add_epi32(correction, w.correction());
        }
      });
    }
    if constexpr (Weights::kCorrected) store32(begin, correction);
  }
  return to;
}

// One half of add_prepared().
template <typename Weights, int Half, int Tokens>
inline __attribute__((always_inline)) const std::uint8_t* add_half(const std::uint8_t* from,
                                                                   std::int64_t quads,
                                                                   const std::int8_t* x,
                                                                   std::int64_t quad_stride,
                                                                   IntLanes (&c)[Tokens]) noexcept {
  if constexpr (Weights::kCorrected) {
    const __m256i correction = load32(from);
    from += 32;
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) {
      c[t].half[Half] = _mm256_add_epi32(c[t].half[Half], correction);
    }
  }
  in_runs<Weights::kQuads>(
      quads, [&](std::int64_t first, std::int64_t end) __attribute__((always_inline)) {
        __m256i sums[Tokens];
#pragma GCC unroll 8
        for (int t = 0; t < Tokens; ++t) sums[t] = Weights::start(c[t].half[Half]);
        for (std::int64_t quad = first; quad < end; ++quad) {
          const Weights w = Weights::load(from);
          from += Weights::kBytes;
#pragma GCC unroll 8
          for (int t = 0; t < Tokens; ++t) w.add_product(&sums[t], four_inputs(x + 4 * t));
          x += quad_stride;
        }
#pragma GCC unroll 8
        for (int t = 0; t < Tokens; ++t) {
          c[t].half[Half] = Weights::whole(sums[t], c[t].half[Half]);
        }
      });
  return from;
}

// add_dots() of what prepare() wrote. Returns its end.
template <typename C, int Tokens>
inline __attribute__((always_inline)) const std::uint8_t* add_prepared(
    const std::uint8_t* from, std::int64_t count, const std::int8_t* x, std::int64_t quad_stride,
    IntLanes (&c)[Tokens]) noexcept {
  using Weights = decltype(prepared_weights<C>(Grid{}, __m256i{}));
  const std::int64_t quads = count * C::kQuads;
  from = add_half<Weights, 0>(from, quads, x, quad_stride, c);
  return add_half<Weights, 1>(from, quads, x, quad_stride, c);
}

// Eight sums leave room for weights and inputs in sixteen registers.
constexpr int kBlockTokens = 8;

}  // namespace
}  // namespace lathe
