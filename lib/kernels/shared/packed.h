// Packed matrices times quantized rows. Included by each table after its lanes.h and dots.h.
//
// The arithmetic, for output row r and token t, the same in every form and table:
//   per group g in increasing order
//     d   = Σ (q - zero)·x                       exact, 32 bits
//     acc = fma(float(d), scale[r][g] · xscale[t][g], acc)
//     acc = fma(minimum[r][g], xscale[t][g]·Σx, acc)        with minimums
//   y = acc · unit
// Two forms: few tokens go straight from the packed lines, so that the stream of weights is
// the limit; many tokens go over a piece of a tile that was unpacked to the first-level
// cache. y itself holds acc between pieces.
#pragma once

#include "kernels/shared/elementwise.h"
#include "tensor/packed_matrix.h"

namespace lathe {
namespace {

// Inputs per piece: 512 inputs of 32 rows are 16 KB as bytes.
constexpr std::int64_t kPiece = 512;
constexpr std::int64_t kSmallestGroup = 16;

// What the loops need of a matrix.
struct PackedShape {
  std::int64_t group;
  std::int64_t groups;  // of `group` inputs; the last may be shorter
  std::int32_t zero;
  bool whole_row;
  bool two_level;
  bool minimums;
};

inline PackedShape shape_of(const PackedMatrix& m) noexcept {
  PackedShape s;
  s.whole_row = m.scheme.group == 0;
  s.group = s.whole_row ? kRowGroup : m.scheme.group;
  s.groups = (m.inputs + s.group - 1) / s.group;
  s.two_level = m.scheme.form == ScaleForm::kTwoLevel;
  s.minimums = m.scheme.minimums;
  s.zero = s.minimums ? 0 : (m.scheme.bits == 4 && !m.scheme.grid ? 8 : 128);
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

// Rows of this tile that exist.
inline std::int64_t rows_of_tile(const PackedMatrix& m, std::int64_t tile) noexcept {
  const std::int64_t left = m.rows - tile * 16;
  return left < 16 ? left : 16;
}

inline std::int64_t lines_in(Source source, std::int64_t inputs) noexcept {
  return inputs / (4 * quads_per_line(source));
}

inline void finish_group(const QuantizedRows& x, std::int64_t token, std::int64_t g, bool minimums,
                         Lanes scale, Lanes minimum, const IntLanes& dots, Lanes* acc) noexcept {
  const std::int64_t at = token * x.group_stride + g;
  *acc = fma(to_float(dots), mul(scale, Lanes::all(x.scale[at])), *acc);
  if (minimums) *acc = fma(minimum, Lanes::all(x.scaled_sum[at]), *acc);
}

// One tile straight from its lines against `Tokens` tokens.
template <Source kSource, int Tokens>
void multiply_direct(const PackedMatrix& m, const PackedShape& s, std::int64_t tile,
                     const QuantizedRows& x, std::int64_t token, float* y,
                     std::int64_t y_stride) noexcept {
  const Grid grid = Grid::load(m.grid);
  const std::uint8_t* lines = m.weights + tile * m.tile_bytes;
  Lanes acc[Tokens];
  for (int t = 0; t < Tokens; ++t) acc[t] = Lanes::zero();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t first = g * s.group;
    const std::int64_t inputs = m.inputs - first < s.group ? m.inputs - first : s.group;
    const std::int64_t count = lines_in(kSource, inputs);
    IntLanes dots[1][Tokens];
    for (int t = 0; t < Tokens; ++t) {
      dots[0][t] = IntLanes::all(-s.zero * x.sum[(token + t) * x.group_stride + g]);
    }
    const std::uint8_t* const tiles[1] = {lines};
    add_dots<kSource, 1, Tokens>(grid, tiles, count, x.q + token * x.q_stride + first, x.q_stride,
                                 dots);
    lines += 64 * count;
    const Lanes scale = scales_of(m, s, m.scales, m.super_scales, tile, g);
    const Lanes minimum =
        s.minimums ? scales_of(m, s, m.minimums, m.super_minimums, tile, g) : Lanes::zero();
    for (int t = 0; t < Tokens; ++t) {
      finish_group(x, token + t, g, s.minimums, scale, minimum, dots[0][t], &acc[t]);
    }
  }
  const std::int64_t rows = rows_of_tile(m, tile);
  for (int t = 0; t < Tokens; ++t) {
    const Lanes result = mul(acc[t], Lanes::all(m.unit));
    float* out = y + (token + t) * y_stride + tile * 16;
    rows == 16 ? result.store(out) : result.store(out, rows);
  }
}

template <Source kSource>
void multiply_few(const PackedMatrix& m, const PackedShape& s, std::int64_t tile,
                  const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  static_assert(kDirectTokens <= 4);
  switch (x.rows) {
    case 1:
      return multiply_direct<kSource, 1>(m, s, tile, x, 0, y, y_stride);
    case 2:
      return multiply_direct<kSource, 2>(m, s, tile, x, 0, y, y_stride);
    case 3:
      return multiply_direct<kSource, 3>(m, s, tile, x, 0, y, y_stride);
    default:
      return multiply_direct<kSource, 4>(m, s, tile, x, 0, y, y_stride);
  }
}

// A piece of `Tiles` neighbouring tiles in the cache: bytes of weights, scales as floats.
struct Piece {
  alignas(64) std::uint8_t bytes[kGemmTiles][16 * kPiece];
  alignas(64) float scales[kPiece / kSmallestGroup][kGemmTiles][16];
  alignas(64) float minimums[kPiece / kSmallestGroup][kGemmTiles][16];
  const std::uint8_t* lines[kGemmTiles];
  std::int64_t tile;
  std::int64_t first_input;
  std::int64_t inputs;
  std::int64_t first_group;
};

template <Source kSource, int Tiles, int Tokens>
void multiply_piece(const PackedMatrix& m, const PackedShape& s, const Piece& piece,
                    const QuantizedRows& x, std::int64_t token, float* y,
                    std::int64_t y_stride) noexcept {
  const Grid grid = Grid::load(m.grid);
  Lanes acc[Tiles][Tokens];
  std::int64_t rows[Tiles];
  float* out[Tiles];
  for (int r = 0; r < Tiles; ++r) {
    rows[r] = rows_of_tile(m, piece.tile + r);
    out[r] = y + token * y_stride + (piece.tile + r) * 16;
    for (int t = 0; t < Tokens; ++t) {
      const float* p = out[r] + t * y_stride;
      acc[r][t] = piece.first_input == 0 ? Lanes::zero()
                  : rows[r] == 16        ? Lanes::load(p)
                                         : Lanes::load(p, rows[r]);
    }
  }
  const std::uint8_t* lines[Tiles];
  for (int r = 0; r < Tiles; ++r) lines[r] = piece.lines[r];
  const std::int8_t* in = x.q + token * x.q_stride + piece.first_input;
  std::int64_t g = piece.first_group;
  for (std::int64_t done = 0; done < piece.inputs; done += s.group, ++g) {
    const std::int64_t left = piece.inputs - done;
    const std::int64_t count = lines_in(kSource, left < s.group ? left : s.group);
    IntLanes dots[Tiles][Tokens];
    for (int t = 0; t < Tokens; ++t) {
      const IntLanes start = IntLanes::all(-s.zero * x.sum[(token + t) * x.group_stride + g]);
      for (int r = 0; r < Tiles; ++r) dots[r][t] = start;
    }
    add_dots<kSource, Tiles, Tokens>(grid, lines, count, in + done, x.q_stride, dots);
    const std::int64_t local = g - piece.first_group;
    for (int r = 0; r < Tiles; ++r) {
      lines[r] += 64 * count;
      const Lanes scale = Lanes::load(piece.scales[local][r]);
      const Lanes minimum = s.minimums ? Lanes::load(piece.minimums[local][r]) : Lanes::zero();
      for (int t = 0; t < Tokens; ++t) {
        finish_group(x, token + t, g, s.minimums, scale, minimum, dots[r][t], &acc[r][t]);
      }
    }
  }
  const bool last = piece.first_input + piece.inputs == m.inputs;
  const Lanes unit = Lanes::all(last ? m.unit : 1.0f);
  for (int r = 0; r < Tiles; ++r) {
    for (int t = 0; t < Tokens; ++t) {
      const Lanes result = mul(acc[r][t], unit);
      float* p = out[r] + t * y_stride;
      rows[r] == 16 ? result.store(p) : result.store(p, rows[r]);
    }
  }
}

// All tokens over one piece: blocks of kGemmTokens, then what is left.
template <Source kSource, int Tiles, int Tokens = kGemmTokens>
void multiply_tokens(const PackedMatrix& m, const PackedShape& s, const Piece& piece,
                     const QuantizedRows& x, std::int64_t token, float* y,
                     std::int64_t y_stride) noexcept {
  for (; token + Tokens <= x.rows; token += Tokens) {
    multiply_piece<kSource, Tiles, Tokens>(m, s, piece, x, token, y, y_stride);
  }
  if constexpr (Tokens > 1) {
    if (token < x.rows) {
      multiply_tokens<kSource, Tiles, Tokens - 1>(m, s, piece, x, token, y, y_stride);
    }
  }
}

template <int Tiles>
void multiply_many(const PackedMatrix& m, const PackedShape& s, std::int64_t tile,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  const Grid grid = Grid::load(m.grid);
  Piece piece;
  piece.tile = tile;
  for (std::int64_t first = 0; first < m.inputs; first += kPiece) {
    piece.first_input = first;
    piece.inputs = m.inputs - first < kPiece ? m.inputs - first : kPiece;
    piece.first_group = first / s.group;
    for (int r = 0; r < Tiles; ++r) {
      const std::uint8_t* packed =
          m.weights + (tile + r) * m.tile_bytes + first * 16 * m.scheme.bits / 8;
      if (m.scheme.bits == 8) {
        piece.lines[r] = packed;
      } else {
        piece.lines[r] = piece.bytes[r];
        const std::int64_t count = lines_in(Source::kNibbles, piece.inputs);
        if (m.scheme.grid) {
          unpack<Source::kGridNibbles>(grid, packed, count, piece.bytes[r]);
        } else {
          unpack<Source::kNibbles>(grid, packed, count, piece.bytes[r]);
        }
      }
      const std::int64_t groups = (piece.inputs + s.group - 1) / s.group;
      for (std::int64_t g = 0; g < groups; ++g) {
        scales_of(m, s, m.scales, m.super_scales, tile + r, piece.first_group + g)
            .store(piece.scales[g][r]);
        if (s.minimums) {
          scales_of(m, s, m.minimums, m.super_minimums, tile + r, piece.first_group + g)
              .store(piece.minimums[g][r]);
        }
      }
    }
    if (m.scheme.bits == 4 && !m.scheme.grid) {
      multiply_tokens<Source::kSmallBytes, Tiles>(m, s, piece, x, 0, y, y_stride);
    } else {
      multiply_tokens<Source::kBytes, Tiles>(m, s, piece, x, 0, y, y_stride);
    }
  }
}

void packed_matmul(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  const PackedShape s = shape_of(m);
  std::int64_t tile = first_tile;
  if (x.rows <= kDirectTokens) {
    for (; tile < last_tile; ++tile) {
      if (m.scheme.bits == 8) {
        multiply_few<Source::kBytes>(m, s, tile, x, y, y_stride);
      } else if (m.scheme.grid) {
        multiply_few<Source::kGridNibbles>(m, s, tile, x, y, y_stride);
      } else {
        multiply_few<Source::kNibbles>(m, s, tile, x, y, y_stride);
      }
    }
    return;
  }
  for (; tile + kGemmTiles <= last_tile; tile += kGemmTiles) {
    multiply_many<kGemmTiles>(m, s, tile, x, y, y_stride);
  }
  if constexpr (kGemmTiles > 1) {
    for (; tile < last_tile; ++tile) multiply_many<1>(m, s, tile, x, y, y_stride);
  }
}

void quantize_row(const float* x, std::int64_t n, std::int64_t group, std::int8_t* q, float* scale,
                  std::int32_t* sums, float* scaled_sums) noexcept {
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
    sums[g] = static_cast<std::int32_t>(sum(total));
    scaled_sums[g] = scale[g] * static_cast<float>(sums[g]);
  }
}

}  // namespace
}  // namespace lathe
