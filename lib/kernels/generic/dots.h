// Integer dot products of packed weights, in plain C++: what each function of
// x86_256/dots.h and avx512/dots.h must equal. Integers are exact, so any order of
// addition will do.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/generic/lanes.h"
#include "kernels/shared/source.h"

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
  IntLanes times_sixteen() const noexcept {
    IntLanes r = *this;
    for (std::int32_t& e : r.v) e *= 16;
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

template <Source kSource>
inline unsigned weight_of(const Grid& grid, std::uint8_t byte, int quad) noexcept {
  if constexpr (kSource == Source::kNibbles) {
    return static_cast<unsigned>(byte >> (4 * quad)) & 15u;
  } else if constexpr (kSource == Source::kGridNibbles) {
    return grid.v[static_cast<unsigned>(byte >> (4 * quad)) & 15u];
  } else {
    return byte;
  }
}

// c[t] += the products of `count` lines of a tile with the inputs of token t: quad j at
// x + j · quad_stride + 4 · t.
template <Source kSource, int Tokens>
inline void add_dots(const Grid& grid, const std::uint8_t* lines, std::int64_t count,
                     const std::int8_t* x, std::int64_t quad_stride,
                     IntLanes (&c)[Tokens]) noexcept {
  constexpr int kQuads = quads_per_line(kSource);
  for (std::int64_t l = 0; l < count; ++l) {
    const std::uint8_t* line = lines + 64 * l;
    for (int quad = 0; quad < kQuads; ++quad) {
      std::int32_t w[64];
      for (int i = 0; i < 64; ++i) {
        w[i] = static_cast<std::int32_t>(weight_of<kSource>(grid, line[i], quad));
      }
      for (int t = 0; t < Tokens; ++t) {
        const std::int8_t* in = x + (kQuads * l + quad) * quad_stride + 4 * t;
        for (int i = 0; i < 16; ++i) {
          c[t].v[i] +=
              w[4 * i] * in[0] + w[4 * i + 1] * in[1] + w[4 * i + 2] * in[2] + w[4 * i + 3] * in[3];
        }
      }
    }
  }
}

// Tokens that are multiplied together, and how many of them with weights as they are stored; more
// with weights that prepare() has written (x86_256/dots.h).
constexpr int kBlockTokens = 4;
constexpr int kDirectTokens = kBlockTokens;
// Whether bytes and grid values are signed; else they are multiplied as here, with 128 added.
constexpr bool kSignedWeights = false;

}  // namespace
}  // namespace lathe
