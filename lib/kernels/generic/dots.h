// Integer dot products of packed weights, in plain C++: what each function of
// x86_256/dots.h and avx512/dots.h must equal. Integers are exact, so any order of
// addition will do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/lanes.h"
#include "kernels/generic/lines.h"
#include "kernels/shared/codes.h"

namespace lathe {
namespace {

// Sixteen 32-bit sums, one per row of a tile.
struct IntLanes {
  std::int32_t v[16];

  static IntLanes all(std::int32_t x) noexcept {
    IntLanes r;
    for (std::int32_t& e : r.v) e = x;
    return r;
  }
  // Times 2^kPower; of a negative power the lanes are multiples.
  template <int kPower>
  IntLanes times_two_to() const noexcept {
    IntLanes r = *this;
    for (std::int32_t& e : r.v) e = kPower < 0 ? e / (1 << -kPower) : e * (1 << kPower);
    return r;
  }
};

inline Lanes to_float(const IntLanes& a) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(a.v[i]);
  return r;
}
inline Lanes widen_bytes(const std::int8_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(p[i]);
  return r;
}
inline Lanes widen_unsigned(const std::uint8_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<float>(p[i]);
  return r;
}

// 2^(e - 127) for sixteen bytes e below 255.
inline Lanes powers_of_two(const std::uint8_t* p) noexcept {
  Lanes r;
  for (int i = 0; i < 16; ++i) {
    const std::uint32_t bits = p[i] == 0 ? 0x00400000u : static_cast<std::uint32_t>(p[i]) << 23;
    __builtin_memcpy(&r.v[i], &bits, sizeof(bits));
  }
  return r;
}

// The low byte of each lane's bits, and the sum of the lanes as integers relative to `base`.
inline void store_low_bytes(const Lanes& a, std::int8_t* p) noexcept {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(bits_of(a.v[i]) & 0xffu);
}

// Sixteen grid values, offset so that they are unsigned.
struct Grid {
  std::uint8_t v[16];

  static Grid load(const std::int8_t* p) noexcept {
    Grid g;
    for (int i = 0; i < 16; ++i) g.v[i] = static_cast<std::uint8_t>(p[i] + 128);
    return g;
  }
};

// How far ahead a matrix, which is one stream, is asked for.
constexpr std::int64_t kStreamAhead = 4096;

// c[t] += the products of `count` blocks of a tile with the inputs of token t: quad j at
// x + j · quad_stride + kStep · t. What lies `ahead` bytes behind each block is asked for (not
// here: this is the plain table).
template <typename C, int Tokens, int kStep = 4>
inline void add_dots(const Grid& grid, const std::uint8_t* blocks, std::int64_t count,
                     const std::int8_t* x, std::int64_t quad_stride, IntLanes (&c)[Tokens],
                     std::int64_t = kStreamAhead) noexcept {
  for (std::int64_t b = 0; b < count; ++b, blocks += C::kBlockBytes) {
    each_quad<C::kQuads>([&](auto quad) {
      const Line codes = codes_of<C, Line, decltype(quad)::kNumber>(blocks);
      std::int32_t w[64];
      for (int i = 0; i < 64; ++i) w[i] = C::kGrid ? grid.v[codes.v[i]] : codes.v[i];
      for (int t = 0; t < Tokens; ++t) {
        const std::int8_t* in = x + kStep * t;
        for (int i = 0; i < 16; ++i) {
          c[t].v[i] +=
              w[4 * i] * in[0] + w[4 * i + 1] * in[1] + w[4 * i + 2] * in[2] + w[4 * i + 3] * in[3];
        }
      }
      x += quad_stride;
    });
  }
}

// Tokens that are multiplied together, and how many of them with weights as they are stored; more
// with weights that prepare() has written (x86_256/dots.h).
constexpr int kBlockTokens = 4;
constexpr int kDirectTokens = kBlockTokens;
constexpr std::int64_t kFewTokens = kBlockTokens;  // none are prepared
// Whether bytes and grid values are signed; else they are multiplied as here, with 128 added.
constexpr bool kSignedWeights = false;

}  // namespace
}  // namespace lathe
