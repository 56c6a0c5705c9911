// Packed matrices times quantized rows. Included by each table after its lanes.h and dots.h.
//
// The arithmetic, for output row r and token t, the same in every form and table:
//   acc = 0
//   per span s of inputs in increasing order
//     part = 0
//     per group g of the span in increasing order
//       d    = Σ (q - zero)·x                      exact, 32 bits
//       part = fma(float(d), scale[r][g], part)
//       part = fma(float(Σ x), minimum[r][g], part)          with minimums
//     acc = fma(part, xscale[t][s], acc)         with two planes of x: the high one, then the low
//   y = acc · unit
// With one scale for the whole row, it waits for the end:
//     acc = fma(float(d), xscale[t][s], acc)
//   y = acc · scale[r] · unit
// Dot products and these steps compete for the same units, so their number counts: a group of 32
// is eight dot products and one step.
//
// Nibbles are unpacked in registers, once per block of tokens: for one token the stream of
// weights is the limit, and for many the few instructions hide beside the dot products of AVX-512
// (measured: unpacking a tile to the cache first was slower for every number of tokens, and so
// was keeping its scales as floats). Where more instructions are needed a table may ask that more
// tokens than kFewTokens get weights that were prepared: a stretch of a tile at a time, for all
// tokens.
#pragma once

#include "tensor/packed_matrix.h"

namespace lathe {
namespace {

// Tokens are taken in runs of blocks whose inputs stay in a second-level cache while the tiles
// pass.
constexpr std::int64_t kInputBytes = 512 << 10;

// Inputs whose prepared weights stay in a first-level cache while the tokens pass; a multiple of
// every span.
constexpr std::int64_t kStretchInputs = 512;

// Of tables that prepare weights, see x86_256/dots.h: at most 32 bytes per input and 64
// per call.
template <typename C>
std::uint8_t* prepare(const Grid& grid, const std::uint8_t* lines, std::int64_t count,
                      std::uint8_t* to) noexcept;
template <typename C, int Tokens>
const std::uint8_t* add_prepared(const std::uint8_t* from, std::int64_t count, const std::int8_t* x,
                                 std::int64_t quad_stride, IntLanes (&c)[Tokens]) noexcept;

// The scales or minimums of one tile, group after group.
class TileValues {
 public:
  TileValues(const PackedMatrix& m, FactorType type, const void* values,
             const std::uint16_t* supers, std::int64_t tile) noexcept
      : type_(type),
        last_(m.groups - 1),
        halves_(static_cast<const std::uint16_t*>(values) + tile * m.groups * 16),
        bytes_(static_cast<const std::int8_t*>(values) + tile * m.groups * 16),
        supers_(supers + tile * m.super_groups * 16),
        unit_(Lanes::zero()) {}

  // A span's inputs share a super-scale.
  void start_span(std::int64_t input) noexcept {
    if (type_ == FactorType::kSigned) unit_ = load_f16(supers_ + input / 256 * 16);
  }

  // The sixteen rows' values of group g. The inputs are padded to 32, but there are values up to
  // the last real input's group only, and one if it is for the whole row.
  Lanes group(std::int64_t g) const noexcept {
    const std::int64_t at = 16 * (g < last_ ? g : last_);
    if (type_ == FactorType::kHalf) return load_f16(halves_ + at);
    if (type_ == FactorType::kSigned) return mul(widen_bytes(bytes_ + at), unit_);
    const auto* unsigned_bytes = reinterpret_cast<const std::uint8_t*>(bytes_);
    if (type_ == FactorType::kZero) return widen_unsigned(unsigned_bytes + at);
    return powers_of_two(unsigned_bytes + at);
  }

 private:
  FactorType type_;
  std::int64_t last_;
  const std::uint16_t* halves_;
  const std::int8_t* bytes_;
  const std::uint16_t* supers_;
  Lanes unit_;
};

enum class Scales {
  kPerRow,
  kPerGroup,
  kPerGroupWithMinimums,
};

// Asks for `bytes` bytes.
inline void prefetch_all(const void* p, std::int64_t bytes) noexcept {
  for (std::int64_t at = 0; at < bytes; at += 64) prefetch(static_cast<const char*>(p) + at);
}

// Asks for the scales and minimums of a tile. Beside the weights the
// scales are streams too thin for the processor to see them coming, and every miss would stop
// it for the time of a hundred dot products.
inline void prefetch_tile(const PackedMatrix& m, std::int64_t tile) noexcept {
  const std::int64_t bytes = 16 * m.groups * factor_bytes(scale_values(m.scheme));
  const std::int64_t super_bytes = m.super_groups * 32;
  prefetch_all(static_cast<const char*>(m.scales) + tile * bytes, bytes);
  prefetch_all(m.super_scales + tile * super_bytes / 2, super_bytes);
  if (m.scheme.minimums) {
    const std::int64_t size = 16 * m.groups * factor_bytes(minimum_values(m.scheme));
    prefetch_all(static_cast<const char*>(m.minimums) + tile * size, size);
    prefetch_all(m.super_minimums + tile * super_bytes / 2, super_bytes);
  }
}

// By how much the weights as a table multiplies them exceed what they stand for: bytes and grid
// values have 128 added unless they are signed, and codes stand for code - zero, or for themselves
// with minimums.
template <typename C, Scales kScales>
constexpr int excess() noexcept {
  constexpr bool kMinimums = kScales == Scales::kPerGroupWithMinimums;
  if (C::kGrid) return kSignedWeights ? 0 : 128;
  return (kMinimums ? 0 : 1 << (C::kBits - 1)) - (C::kBits == 8 && kSignedWeights ? 128 : 0);
}

constexpr int exponent_of(int power_of_two) noexcept {
  return power_of_two <= 1 ? 0 : 1 + exponent_of(power_of_two / 2);
}

// What the sums of a group start from: -excess · Σ of the inputs.
template <typename C, Scales kScales>
inline IntLanes start_of(std::int32_t minus_eight_sum) noexcept {
  constexpr int kExcess = excess<C, kScales>();
  if constexpr (kExcess == 0) {
    return IntLanes::all(0);
  } else {
    const std::int32_t sum = kExcess < 0 ? -minus_eight_sum : minus_eight_sum;
    return IntLanes::all(sum)
        .template times_two_to<exponent_of(kExcess < 0 ? -kExcess : kExcess) - 3>();
  }
}

// Inputs [from, to) of a tile, and where their weights are.
struct Stretch {
  std::int64_t from;
  std::int64_t to;
  const std::uint8_t* weights;
};

// Prepares a stretch of a tile.
template <typename C>
Stretch prepare_stretch(const PackedMatrix& m, std::int64_t tile, std::int64_t from,
                        std::int64_t group, std::uint8_t* out) noexcept {
  const Grid grid = Grid::load(m.grid);
  const std::int64_t to = from + kStretchInputs < m.inputs ? from + kStretchInputs : m.inputs;
  const std::uint8_t* lines =
      m.weights + tile * m.tile_bytes + C::kBlockBytes * (from / C::kBlockInputs);
  std::uint8_t* end = out;
  for (std::int64_t first = from; first < to; first += group) {
    if constexpr (C::kParts == 2) {
      // A group is a half of a block.
      if (first % C::kBlockInputs == 0) {
        end = prepare<typename C::template Part<0>>(grid, lines, 1, end);
      } else {
        end = prepare<typename C::template Part<1>>(grid, lines, 1, end);
        lines += C::kBlockBytes;
      }
    } else {
      const std::int64_t inputs = first + group < to ? group : to - first;
      const std::int64_t count = inputs / C::kBlockInputs;
      end = prepare<C>(grid, lines, count, end);
      lines += C::kBlockBytes * count;
    }
  }
  return {from, to, out};
}

// A stretch of a tile against `Tokens` tokens of a block, from number `first` on. The sums of a
// stretch that is not the last wait in y for the next. Never inlined: the registers of the loops
// around it would be missed in here.
template <typename C, Scales kScales, int kPlanes, bool kPrepared, int Tokens>
__attribute__((noinline)) void multiply_stretch(const PackedMatrix& m, std::int64_t tile,
                                                const Stretch& stretch, const QuantizedRows& x,
                                                std::int64_t block, std::int64_t first, float* y,
                                                std::int64_t y_stride) noexcept {
  const Grid grid = Grid::load(m.grid);
  const std::int64_t step = x.width();
  constexpr int kInputRows = kPlanes * Tokens;
  constexpr bool kMinimums = kScales == Scales::kPerGroupWithMinimums;
  const std::uint8_t* weights = stretch.weights;
  std::int64_t g = stretch.from / x.group;
  const std::int64_t row = kPlanes * first;
  const std::int64_t first_group = (block * x.groups() + g) * step + row;
  const std::int8_t* q = x.q + (block * x.inputs + stretch.from) * step + 4 * row;
  const float* xscale = x.scale + (block * x.spans() + stretch.from / x.span) * step + row;
  const std::int32_t* starts = x.minus_eight_sum + first_group;
  const float* sums = x.sum + first_group;
  TileValues scales(m, scale_values(m.scheme), m.scales, m.super_scales, tile);
  TileValues minimums(m, minimum_values(m.scheme), m.minimums, m.super_minimums, tile);

  const bool by_zeros = m.scheme.form == ScaleForm::kZeroPoint;
  const std::int64_t left = m.rows - tile * 16;
  float* out = y + (block * x.block + first) * y_stride + tile * 16;
  // Each token's row of y is elsewhere: asked for now, its line is there when it is written.
  for (int t = 0; t < Tokens; ++t) prefetch(out + t * y_stride);

  // Unrolled by order, or GCC clears them in memory.
  Lanes acc[Tokens];
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) acc[t] = Lanes::zero();
  if (kPrepared && stretch.from > 0) {
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) {
      acc[t] = left >= 16 ? Lanes::load(out + t * y_stride) : Lanes::load(out + t * y_stride, left);
    }
  }
  for (std::int64_t span = stretch.from; span < stretch.to; span += x.span) {
    const std::int64_t span_end = span + x.span < stretch.to ? span + x.span : stretch.to;
    scales.start_span(span);
    if constexpr (kMinimums) minimums.start_span(span);
    Lanes part[kInputRows];
#pragma GCC unroll 8
    for (int t = 0; t < kInputRows; ++t) part[t] = Lanes::zero();
    for (std::int64_t input = span; input < span_end; input += x.group, ++g) {
      const std::int64_t inputs = input + x.group < span_end ? x.group : span_end - input;
      const std::int64_t count = inputs / C::kPartInputs;
      IntLanes dots[kInputRows];
      for (int t = 0; t < kInputRows; ++t) dots[t] = start_of<C, kScales>(starts[t]);
      if constexpr (kPrepared) {
        // The same inputs of the next block, which lie too far off to be expected.
        prefetch_all(q + x.inputs * step, inputs * step);
        weights = add_prepared<C, kInputRows>(weights, count, q, 4 * step, dots);
      } else if constexpr (C::kParts == 2) {
        // A group is a half of a block.
        if (input % C::kBlockInputs == 0) {
          add_dots<typename C::template Part<0>, kInputRows>(grid, weights, 1, q, 4 * step, dots);
        } else {
          add_dots<typename C::template Part<1>, kInputRows>(grid, weights, 1, q, 4 * step, dots);
          weights += C::kBlockBytes;
        }
      } else {
        add_dots<C, kInputRows>(grid, weights, count, q, 4 * step, dots);
        weights += C::kBlockBytes * count;
      }
      q += inputs * step;
      starts += step;
      [[maybe_unused]] Lanes scale;
      if constexpr (kScales == Scales::kPerRow) {
        for (int t = 0; t < kInputRows; ++t) part[t] = to_float(dots[t]);
      } else {
        scale = scales.group(g);
        for (int t = 0; t < kInputRows; ++t) part[t] = fma(to_float(dots[t]), scale, part[t]);
      }
      if constexpr (kMinimums) {
        Lanes minimum = minimums.group(g);
        if (by_zeros) minimum = negate(mul(minimum, scale));
        for (int t = 0; t < kInputRows; ++t) part[t] = fma(Lanes::all(sums[t]), minimum, part[t]);
        sums += step;
      }
    }
#pragma GCC unroll 8
    for (int t = 0; t < kInputRows; ++t) {
      acc[t / kPlanes] = fma(part[t], Lanes::all(xscale[t]), acc[t / kPlanes]);
    }
    xscale += step;
  }
  const bool last = !kPrepared || stretch.to == x.inputs;
  const Lanes unit = Lanes::all(m.unit);
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) {
    if (last) {
      if constexpr (kScales == Scales::kPerRow) acc[t] = mul(acc[t], scales.group(0));
      acc[t] = mul(acc[t], unit);
    }
    left >= 16 ? acc[t].store(out + t * y_stride) : acc[t].store(out + t * y_stride, left);
  }
}

// The same for `count` tokens.
template <typename C, Scales kScales, int kPlanes, bool kPrepared,
          int Tokens = (kPrepared ? kBlockTokens : kDirectTokens) / kPlanes>
void multiply_block(const PackedMatrix& m, std::int64_t tile, const Stretch& stretch,
                    const QuantizedRows& x, std::int64_t block, std::int64_t first,
                    std::int64_t count, float* y, std::int64_t y_stride) noexcept {
  if (count >= Tokens) {
    multiply_stretch<C, kScales, kPlanes, kPrepared, Tokens>(m, tile, stretch, x, block, first, y,
                                                             y_stride);
  } else if constexpr (Tokens > 1) {
    multiply_block<C, kScales, kPlanes, kPrepared, Tokens - 1>(m, tile, stretch, x, block, first,
                                                               count, y, y_stride);
  }
}

// One tile against blocks [first, last).
template <typename C, Scales kScales, int kPlanes, bool kPrepared>
void multiply_blocks(const PackedMatrix& m, std::int64_t tile, const Stretch& stretch,
                     const QuantizedRows& x, std::int64_t first, std::int64_t last, float* y,
                     std::int64_t y_stride) noexcept {
  for (std::int64_t block = first; block < last; ++block) {
    const std::int64_t left = x.rows - block * x.block;
    const std::int64_t count = left < x.block ? left : x.block;
    constexpr int kAtOnce = (kPrepared ? kBlockTokens : kDirectTokens) / kPlanes;
    for (std::int64_t done = 0; done < count; done += kAtOnce) {
      multiply_block<C, kScales, kPlanes, kPrepared>(m, tile, stretch, x, block, done, count - done,
                                                     y, y_stride);
    }
  }
}

template <typename C, Scales kScales, int kPlanes>
void multiply_tile(const PackedMatrix& m, std::int64_t tile, const QuantizedRows& x,
                   std::int64_t first, std::int64_t last, float* y,
                   std::int64_t y_stride) noexcept {
  if constexpr (kDirectTokens < kBlockTokens) {
    if (x.width() > kDirectTokens && x.rows > kFewTokens) {
      alignas(64) std::uint8_t memory[(32 * 16 + 64) * kStretchInputs / 16];
      for (std::int64_t from = 0; from < x.inputs; from += kStretchInputs) {
        const Stretch stretch = prepare_stretch<C>(m, tile, from, x.group, memory);
        multiply_blocks<C, kScales, kPlanes, true>(m, tile, stretch, x, first, last, y, y_stride);
      }
      return;
    }
  }
  const Stretch whole = {0, x.inputs, m.weights + tile * m.tile_bytes};
  multiply_blocks<C, kScales, kPlanes, false>(m, tile, whole, x, first, last, y, y_stride);
}

template <typename C, Scales kScales, int kPlanes>
void multiply_tiles(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                    const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  const std::int64_t blocks = x.blocks();
  const std::int64_t fit = kInputBytes / (x.inputs * x.width());
  const std::int64_t run = fit > 1 ? fit : 1;
  for (std::int64_t start = 0; start < blocks; start += run) {
    const std::int64_t end = start + run < blocks ? start + run : blocks;
    prefetch_tile(m, first_tile);
    for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
      if (tile + 1 < last_tile) prefetch_tile(m, tile + 1);
      multiply_tile<C, kScales, kPlanes>(m, tile, x, start, end, y, y_stride);
    }
  }
}

// The form of the scales.
template <typename C, int kPlanes>
void multiply_codes(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                    const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  if (m.scheme.minimums) {
    if constexpr (!C::kGrid && kPlanes == 1) {  // the others have none
      multiply_tiles<C, Scales::kPerGroupWithMinimums, 1>(m, first_tile, last_tile, x, y, y_stride);
    }
  } else if (m.scheme.group == 0) {
    multiply_tiles<C, Scales::kPerRow, kPlanes>(m, first_tile, last_tile, x, y, y_stride);
  } else {
    multiply_tiles<C, Scales::kPerGroup, kPlanes>(m, first_tile, last_tile, x, y, y_stride);
  }
}

// Whole blocks, or parts.
template <int bits, bool grid, int kPlanes>
void multiply_blocks_of(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                        const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  if constexpr (block_inputs(*find_code_width(bits)) > kSmallestGroup) {
    if (m.scheme.group == kSmallestGroup) {
      return multiply_codes<Codes<bits, grid, 2>, kPlanes>(m, first_tile, last_tile, x, y,
                                                           y_stride);
    }
  }
  multiply_codes<Codes<bits, grid>, kPlanes>(m, first_tile, last_tile, x, y, y_stride);
}

// By the matrix's width, from this one of kCodeWidths on.
template <int number>
void multiply_width(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                    const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  if constexpr (number < kCodeWidthCount) {
    constexpr CodeWidth kWidth = kCodeWidths[number];
    if (m.scheme.bits != kWidth.bits) {
      return multiply_width<number + 1>(m, first_tile, last_tile, x, y, y_stride);
    }
    if constexpr (kWidth.grid) {
      if (m.scheme.grid) {
        return multiply_blocks_of<kWidth.bits, true, 1>(m, first_tile, last_tile, x, y, y_stride);
      }
    }
    if constexpr (kWidth.bits == 8) {
      if (x.planes == 2) {
        return multiply_blocks_of<8, false, 2>(m, first_tile, last_tile, x, y, y_stride);
      }
    }
    multiply_blocks_of<kWidth.bits, false, 1>(m, first_tile, last_tile, x, y, y_stride);
  } else {
    __builtin_trap();  // no such width: whoever made the matrix has checked its scheme
  }
}

void packed_matmul(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                   const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  multiply_width<0>(m, first_tile, last_tile, x, y, y_stride);
}

}  // namespace
}  // namespace lathe
