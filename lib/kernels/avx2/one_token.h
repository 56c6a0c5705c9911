// One token times weights on a grid, the step of every decode: what shared/packed.h computes, in
// fewer instructions. Included after shared/table.h.
//
// Without a dot-product instruction a token's products, not the memory, limited 2 and 3 bits, and
// almost 4. Three things are different here, for eight rows of four inputs:
//
// - vpmaddubsw takes one unsigned operand. With w · x = sign(w, x) · |x| that is the input, whose
//   magnitude two halves of a tile share, so that weights are looked up once, as signed bytes; with
//   sign(x, w) · |w| they are looked up twice. For many tokens the latter is better.
// - Codes of 2 and 3 bits are not taken apart one by one. A look-up heeds bits 0 to 3 and 7 of a
//   byte, so a nibble with two codes of 2 bits finds the one in one table, and the other in
//   another; and of 3 bits the high ones are spread to two codes at once by a look-up of their own.
// - The group is a constant, and nothing is left of its loop.
//
// Measured on Zen 3, cycles for 32 weights in the second-level cache: w2nlg16d 3.5 before, 2.4 now;
// w3nlg16d 4.5 and 3.5; w3nlg32d 4.0 and 3.2; w4nlg32d 3.1 and 2.5. (Magnitudes that are computed
// once for all tiles cost more than they save: loads are scarce too.)
#pragma once

namespace lathe {
namespace {

// The bytes of one quad, both halves of a tile: signed weights.
struct TileQuad {
  __m256i half[2];
};

inline __m256i twice(const std::int8_t (&table)[16]) noexcept {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}
inline __m256i low_nibbles(__m256i v) noexcept { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
inline __m256i high_nibbles(__m256i v) noexcept { return low_nibbles(_mm256_srli_epi16(v, 4)); }

// Blocks on a grid of `bits` bits. each_of<part>() calls add(quad) with the quads of half a block,
// of the first (0) or the second (1), in their order.
template <int bits>
class GridBlocks;

template <>
class GridBlocks<2> {
 public:
  static constexpr int kHalves = 1;  // which are all of it

  explicit GridBlocks(const std::int8_t (&grid)[16]) noexcept {
    alignas(16) std::int8_t low[16];
    alignas(16) std::int8_t high[16];
    for (int i = 0; i < 16; ++i) {
      low[i] = grid[i % 4];
      high[i] = grid[i / 4];
    }
    low_ = twice(low);
    high_ = twice(high);
  }

  template <int part, typename Add>
  inline __attribute__((always_inline)) void each_of(const std::uint8_t* block,
                                                     Add&& add) const noexcept {
    const __m256i lines[2] = {load32(block), load32(block + 32)};
    const TileQuad first = {{low_nibbles(lines[0]), low_nibbles(lines[1])}};
    add(look_up(low_, first));
    add(look_up(high_, first));
    const TileQuad second = {{high_nibbles(lines[0]), high_nibbles(lines[1])}};
    add(look_up(low_, second));
    add(look_up(high_, second));
  }

 private:
  static TileQuad look_up(__m256i table, const TileQuad& at) noexcept {
    return {{_mm256_shuffle_epi8(table, at.half[0]), _mm256_shuffle_epi8(table, at.half[1])}};
  }

  __m256i low_, high_;
};

template <>
class GridBlocks<3> {
 public:
  static constexpr int kHalves = 2;

  explicit GridBlocks(const std::int8_t (&grid)[16]) noexcept : grid_(twice(grid)) {
    // Four high bits, one for each quad, to bits 2 and 6 of two bytes, behind the low bits of
    // quads 0 and 2, and of 1 and 3.
    alignas(16) std::int8_t even[16];
    alignas(16) std::int8_t odd[16];
    for (int i = 0; i < 16; ++i) {
      even[i] = static_cast<std::int8_t>((i & 1) << 2 | (i & 4) << 4);
      odd[i] = static_cast<std::int8_t>((i & 2) << 1 | (i & 8) << 3);
    }
    even_ = twice(even);
    odd_ = twice(odd);
  }

  template <int part, typename Add>
  inline __attribute__((always_inline)) void each_of(const std::uint8_t* block,
                                                     Add&& add) const noexcept {
    __m256i even[2];
    __m256i odd[2];
    for (int h = 0; h < 2; ++h) {
      const __m256i low = load32(block + 64 * part + 32 * h);
      const __m256i line = load32(block + 128 + 32 * h);
      const __m256i high = part == 0 ? low_nibbles(line) : high_nibbles(line);
      const __m256i mask = _mm256_set1_epi8(0x33);
      even[h] = _mm256_or_si256(_mm256_and_si256(low, mask), _mm256_shuffle_epi8(even_, high));
      odd[h] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(low, 2), mask),
                               _mm256_shuffle_epi8(odd_, high));
    }
    add(look_up(even[0], even[1]));
    add(look_up(odd[0], odd[1]));
    // Bit 3 is 0 everywhere, so that none of a neighbour gets into bit 7.
    add(look_up(_mm256_srli_epi16(even[0], 4), _mm256_srli_epi16(even[1], 4)));
    add(look_up(_mm256_srli_epi16(odd[0], 4), _mm256_srli_epi16(odd[1], 4)));
  }

 private:
  TileQuad look_up(__m256i first, __m256i second) const noexcept {
    return {{_mm256_shuffle_epi8(grid_, first), _mm256_shuffle_epi8(grid_, second)}};
  }

  __m256i grid_, even_, odd_;
};

template <>
class GridBlocks<4> {
 public:
  static constexpr int kHalves = 1;

  explicit GridBlocks(const std::int8_t (&grid)[16]) noexcept : grid_(twice(grid)) {}

  template <int part, typename Add>
  inline __attribute__((always_inline)) void each_of(const std::uint8_t* block,
                                                     Add&& add) const noexcept {
    const __m256i lines[2] = {load32(block), load32(block + 32)};
    add(TileQuad{{_mm256_shuffle_epi8(grid_, low_nibbles(lines[0])),
                  _mm256_shuffle_epi8(grid_, low_nibbles(lines[1]))}});
    add(TileQuad{{_mm256_shuffle_epi8(grid_, high_nibbles(lines[0])),
                  _mm256_shuffle_epi8(grid_, high_nibbles(lines[1]))}});
  }

 private:
  __m256i grid_;
};

// The sums of a group, and the inputs that come next.
struct GroupSums {
  IntLanes sums;
  const std::int8_t* x;
  std::int64_t step;

  inline __attribute__((always_inline)) void operator()(const TileQuad& w) noexcept {
    const __m256i input = four_inputs(x);
    x += step;
    const __m256i size = _mm256_abs_epi8(input);
    for (int h = 0; h < 2; ++h) {
      add32(&sums.half[h],
            widen_sums(_mm256_maddubs_epi16(size, _mm256_sign_epi8(w.half[h], input))));
    }
  }
};

// TileValues in two levels.
class TwoLevelScales {
 public:
  TwoLevelScales(const PackedMatrix& m, std::int64_t tile) noexcept
      : last_(m.groups - 1),
        bytes_(static_cast<const std::int8_t*>(m.scales) + tile * m.groups * 16),
        supers_(m.super_scales + tile * m.super_groups * 16),
        unit_(Lanes::zero()) {}

  void start_span(std::int64_t input) noexcept { unit_ = load_f16(supers_ + input / 256 * 16); }
  Lanes group(std::int64_t g) const noexcept {
    return mul(widen_bytes(bytes_ + 16 * (g < last_ ? g : last_)), unit_);
  }

 private:
  std::int64_t last_;
  const std::int8_t* bytes_;
  const std::uint16_t* supers_;
  Lanes unit_;
};

// All of them.
class AnyScales : public TileValues {
 public:
  AnyScales(const PackedMatrix& m, std::int64_t tile) noexcept
      : TileValues(m, scale_values(m.scheme), m.scales, m.super_scales, tile) {}
};

template <int bits, int group, typename ScalesOfTile>
__attribute__((noinline)) void multiply_one_token(const PackedMatrix& m, std::int64_t tile,
                                                  const QuantizedRows& x, float* y) noexcept {
  using C = Codes<bits, true>;
  using Blocks = GridBlocks<bits>;
  const Blocks blocks(m.grid);
  const std::uint8_t* weights = m.weights + tile * m.tile_bytes;
  ScalesOfTile scales(m, tile);
  const float* xscale = x.scale;
  GroupSums dots = {IntLanes::all(0), x.q, 4 * x.width()};
  Lanes acc = Lanes::zero();
  std::int64_t g = 0;
  for (std::int64_t span = 0; span < x.inputs; span += x.span) {
    const std::int64_t span_end = span + x.span < x.inputs ? span + x.span : x.inputs;
    scales.start_span(span);
    Lanes part = Lanes::zero();
    for (std::int64_t input = span; input < span_end; input += group, ++g) {
      dots.sums = IntLanes::all(0);
      if constexpr (group < C::kBlockInputs) {
        // A group is a half of a block.
        if (g % 2 == 0) {
          prefetch_all(weights + kStreamAhead, C::kBlockBytes);
          blocks.template each_of<0>(weights, dots);
        } else {
          blocks.template each_of<Blocks::kHalves - 1>(weights, dots);
          weights += C::kBlockBytes;
        }
      } else {
        const auto add_block = [&]() __attribute__((always_inline)) {
          prefetch_all(weights + kStreamAhead, C::kBlockBytes);
          blocks.template each_of<0>(weights, dots);
          if constexpr (Blocks::kHalves == 2) blocks.template each_of<1>(weights, dots);
          weights += C::kBlockBytes;
        };
        if (group <= kNarrowSpan || input + group <= span_end) {
#pragma GCC unroll 4
          for (int b = 0; b < group / C::kBlockInputs; ++b) add_block();
        } else {
          for (std::int64_t at = input; at < span_end; at += C::kBlockInputs) add_block();
        }
      }
      part = fma(to_float(dots.sums), scales.group(g), part);
    }
    acc = fma(part, Lanes::all(*xscale), acc);
    xscale += x.width();
  }
  acc = mul(acc, Lanes::all(m.unit));
  const std::int64_t left = m.rows - tile * 16;
  float* out = y + tile * 16;
  left >= 16 ? acc.store(out) : acc.store(out, left);
}

using OneTokenProduct = void (*)(const PackedMatrix& m, std::int64_t tile, const QuantizedRows& x,
                                 float* y) noexcept;

template <int bits, typename ScalesOfTile>
OneTokenProduct one_token_by_group(std::int32_t group) noexcept {
  return group == 16   ? multiply_one_token<bits, 16, ScalesOfTile>
         : group == 32 ? multiply_one_token<bits, 32, ScalesOfTile>
         : group == 64 ? multiply_one_token<bits, 64, ScalesOfTile>
                       : multiply_one_token<bits, 128, ScalesOfTile>;
}

template <typename ScalesOfTile>
OneTokenProduct one_token_by_width(const PackedScheme& scheme) noexcept {
  return scheme.bits == 2   ? one_token_by_group<2, ScalesOfTile>(scheme.group)
         : scheme.bits == 3 ? one_token_by_group<3, ScalesOfTile>(scheme.group)
                            : one_token_by_group<4, ScalesOfTile>(scheme.group);
}

// packed_matmul(), and for one token the above.
void packed_matmul_by_tokens(const PackedMatrix& m, std::int64_t first_tile, std::int64_t last_tile,
                             const QuantizedRows& x, float* y, std::int64_t y_stride) noexcept {
  bool apart = x.rows == 1 && m.scheme.grid && m.scheme.group != 0;
  // What is -128 has no negative among bytes.
  for (const std::int8_t value : m.grid) apart = apart && value != -128;
  if (!apart) return packed_matmul(m, first_tile, last_tile, x, y, y_stride);
  const auto multiply = m.scheme.form == ScaleForm::kTwoLevel
                            ? one_token_by_width<TwoLevelScales>(m.scheme)
                            : one_token_by_width<AnyScales>(m.scheme);
  prefetch_tile(m, first_tile);
  for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
    if (tile + 1 < last_tile) prefetch_tile(m, tile + 1);
    multiply(m, tile, x, y);
  }
}

}  // namespace
}  // namespace lathe
