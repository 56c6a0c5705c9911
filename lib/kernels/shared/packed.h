// Packed matrices times quantized rows. Included by each table after its lanes.h and dots.h.
//
// The arithmetic, for output row r and token t, the same in every form and table:
//   per group g in increasing order
//     d   = Σ (q - zero)·x                       exact, 32 bits
//     acc = fma(float(d), scale[r][g] · xscale[t][g], acc)
//     acc = fma(minimum[r][g], xscale[t][g]·Σx, acc)        with minimums
//   y = acc · unit
// Nibbles are unpacked in registers, once per block of tokens: for one token the stream of
// weights is the limit, and for many the few instructions hide beside the dot products
// (measured: unpacking a tile to the cache first was slower for every number of tokens).
#pragma once

#include "kernels/shared/elementwise.h"
#include "tensor/packed_matrix.h"

namespace lathe {
namespace {

// Tokens are taken in spans whose inputs stay in a second-level cache while the tiles pass.
constexpr std::int64_t kInputBytes = 256 << 10;

// What the loops need of a matrix.
struct PackedShape {
  std::int64_t group;
  std::int64_t groups;  // of `group` inputs; the last may be shorter
  bool whole_row;
  bool two_level;
};

inline PackedShape shape_of(const PackedMatrix& m) noexcept {
  PackedShape s;
  s.whole_row = m.scheme.group == 0;
  s.group = s.whole_row ? kRowGroup : m.scheme.group;
  s.groups = (m.inputs + s.group - 1) / s.group;
  s.two_level = m.scheme.form == ScaleForm::kTwoLevel;
  return s;
}

// The scales (or minimums) of group g of a tile's sixteen rows.
inline Lanes scales_of(const PackedMatrix& m, const PackedShape& s, const void* scales,
                       const std::uint16_t* supers, std::int64_t tile, std::int64_t g) noexcept {
  // The inputs are padded to 32 but scales are stored up to the last real input's group.
  const std::int64_t at = s.whole_row ? 0 : (g < m.groups ? g : m.groups - 1);
  if (!s.two_level) {
    return load_f16(static_cast<const std::uint16_t*>(scales) + (tile * m.groups + at) * 16);
  }
  const std::int64_t super = at * s.group / 256;
  const Lanes unit = load_f16(supers + (tile * m.super_groups + super) * 16);
  return mul(widen_bytes(static_cast<const std::int8_t*>(scales) + (tile * m.groups + at) * 16),
             unit);
}

// What the sums of a group start from: -zero · Σ of the inputs.
template <Source kSource, bool kMinimums>
inline IntLanes start_of(const QuantizedRows& x, std::int64_t at) noexcept {
  if constexpr (kMinimums) {
    return IntLanes::all(0);
  } else if constexpr (kSource == Source::kNibbles) {
    return IntLanes::all(x.minus_eight_sums[at]);
  } else {
    return IntLanes::all(x.minus_eight_sums[at]).times_sixteen();
  }
}

// A tile's scales and minimums as floats, for when several blocks of tokens use them.
struct TileScales {
  static constexpr std::int64_t kGroups = 512;
  alignas(64) float scales[kGroups][16];
  alignas(64) float minimums[kGroups][16];

  void fill(const PackedMatrix& m, const PackedShape& s, std::int64_t tile) noexcept {
    for (std::int64_t g = 0; g < s.groups; ++g) {
      scales_of(m, s, m.scales, m.super_scales, tile, g).store(scales[g]);
      if (m.scheme.minimums) {
        scales_of(m, s, m.minimums, m.super_minimums, tile, g).store(minimums[g]);
      }
    }
  }
};

// One tile against `Tokens` tokens. kReady: `ready` holds the tile's scales.
template <Source kSource, bool kMinimums, bool kReady, int Tokens>
void multiply_tile(const PackedMatrix& m, const PackedShape& s, std::int64_t tile,
                   const TileScales* ready, const QuantizedRows& x, std::int64_t token, float* y,
                   std::int64_t y_stride) noexcept {
  const Grid grid = Grid::load(m.grid);
  const std::uint8_t* lines = m.weights + tile * m.tile_bytes;
  const std::int64_t stride = x.group_stride;
  Lanes acc[Tokens];
  for (int t = 0; t < Tokens; ++t) acc[t] = Lanes::zero();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t first = g * s.group;
    const std::int64_t inputs = m.inputs - first < s.group ? m.inputs - first : s.group;
    const std::int64_t count = inputs / (4 * quads_per_line(kSource));
    const std::int64_t at = token * stride + g;
    IntLanes dots[Tokens];
    for (int t = 0; t < Tokens; ++t) dots[t] = start_of<kSource, kMinimums>(x, at + t * stride);
    add_dots<kSource, Tokens>(grid, lines, count, x.q + token * x.q_stride + first, x.q_stride,
                              dots);
    lines += 64 * count;
    const Lanes scale =
        kReady ? Lanes::load(ready->scales[g]) : scales_of(m, s, m.scales, m.super_scales, tile, g);
    for (int t = 0; t < Tokens; ++t) {
      const Lanes both = mul(scale, Lanes::all(x.scale[at + t * stride]));
      acc[t] = fma(to_float(dots[t]), both, acc[t]);
    }
    if constexpr (kMinimums) {
      const Lanes minimum = kReady ? Lanes::load(ready->minimums[g])
                                   : scales_of(m, s, m.minimums, m.super_minimums, tile, g);
      for (int t = 0; t < Tokens; ++t) {
        acc[t] = fma(minimum, Lanes::all(x.scaled_sum[at + t * stride]), acc[t]);
      }
    }
  }
  const std::int64_t left = m.rows - tile * 16;
  for (int t = 0; t < Tokens; ++t) {
    const Lanes result = mul(acc[t], Lanes::all(m.unit));
    float* out = y + (token + t) * y_stride + tile * 16;
    left >= 16 ? result.store(out) : result.store(out, left);
  }
}

// All tokens of x over one tile, in blocks as even as they come: the last block alone would
// have too few independent sums.
template <Source kSource, bool kMinimums, bool kReady, int Tokens = kBlockTokens>
void multiply_block(const PackedMatrix& m, const PackedShape& s, std::int64_t tile,
                    const TileScales* ready, const QuantizedRows& x, std::int64_t token,
                    std::int64_t count, float* y, std::int64_t y_stride) noexcept {
  if (count == Tokens) {
    multiply_tile<kSource, kMinimums, kReady, Tokens>(m, s, tile, ready, x, token, y, y_stride);
  } else if constexpr (Tokens > 1) {
    multiply_block<kSource, kMinimums, kReady, Tokens - 1>(m, s, tile, ready, x, token, count, y,
                                                           y_stride);
  }
}

template <Source kSource, bool kMinimums>
void multiply_tiles(const PackedMatrix& m, const PackedShape& s, std::int64_t first_tile,
                    std::int64_t last_tile, const QuantizedRows& x, float* y,
                    std::int64_t y_stride) noexcept {
  const std::int64_t fit = kInputBytes / m.inputs / kBlockTokens * kBlockTokens;
  const std::int64_t span = fit > kBlockTokens ? fit : kBlockTokens;
  TileScales scales;
  for (std::int64_t start = 0; start < x.rows; start += span) {
    const std::int64_t tokens = x.rows - start < span ? x.rows - start : span;
    const std::int64_t blocks = (tokens + kBlockTokens - 1) / kBlockTokens;
    const bool worthwhile = blocks > 1 && s.groups <= TileScales::kGroups;
    for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
      if (worthwhile) scales.fill(m, s, tile);
      const auto multiply = worthwhile ? multiply_block<kSource, kMinimums, true>
                                       : multiply_block<kSource, kMinimums, false>;
      std::int64_t done = 0;
      for (std::int64_t left = blocks; left > 0; --left) {
        const std::int64_t count = (tokens - done + left - 1) / left;
        multiply(m, s, tile, &scales, x, start + done, count, y, y_stride);
        done += count;
      }
    }
  }
}

void packed_matmul(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  const PackedShape s = shape_of(m);
  const auto multiply =
      m.scheme.bits == 8 ? (m.scheme.minimums ? multiply_tiles<Source::kBytes, true>
                                              : multiply_tiles<Source::kBytes, false>)
      : m.scheme.grid    ? multiply_tiles<Source::kGridNibbles, false>
                         : (m.scheme.minimums ? multiply_tiles<Source::kNibbles, true>
                                              : multiply_tiles<Source::kNibbles, false>);
  multiply(m, s, first_tile, last_tile, x, y, y_stride);
}

void quantize_row(const float* x, std::int64_t n, std::int64_t group, std::int8_t* q, float* scale,
                  std::int32_t* minus_eight_sums, float* scaled_sums) noexcept {
  const Lanes magic = Lanes::all(12582912.0f);  // 1.5·2^23: adding it rounds to an integer
  const std::int64_t padded = (n + 31) / 32 * 32;
  std::int64_t g = 0;
  for (std::int64_t first = 0; first < padded; first += group, ++g) {
    const std::int64_t end = first + group < padded ? first + group : padded;
    const auto load = [&](std::int64_t i) {
      return i + 16 <= n ? Lanes::load(x + i) : i < n ? Lanes::load(x + i, n - i) : Lanes::zero();
    };
    Lanes high = Lanes::zero();
    for (std::int64_t i = first; i < end; i += 16) high = max(magnitude(load(i)), high);
    const float top = largest(high);
    // Below this 127 / top would not be finite; such a group counts as zeros.
    const bool tiny = !(top >= 0x1p-100f);
    scale[g] = tiny ? 0.0f : top / 127.0f;
    const Lanes inverse = Lanes::all(tiny ? 0.0f : 127.0f / top);
    Lanes total = Lanes::zero();
    for (std::int64_t i = first; i < end; i += 16) {
      const Lanes rounded = add(mul(load(i), inverse), magic);
      store_low_bytes(rounded, q + i);
      total = add(total, sub(rounded, magic));
    }
    const float all = sum(total);
    minus_eight_sums[g] = static_cast<std::int32_t>(-8.0f * all);
    scaled_sums[g] = scale[g] * all;
  }
}

}  // namespace
}  // namespace lathe
