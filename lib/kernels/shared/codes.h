// How codes come out of the lines of a tile, for every width in tensor/packed_scheme.h. Included by
// each table's dots.h or weights.h.
//
// A `Line` (lines.h of a table) is what of a line a table works on at once. Of each plane a code's
// bits are moved to where they belong and the others are cleared: one shift and one mask.
#pragma once

#include <cstdint>

#include "tensor/packed_scheme.h"

namespace lathe {
namespace {

// Codes of one width, which stand for numbers or for positions of a grid: all quads of a block, or
// one of its `parts`.
template <int bits, bool grid, int parts = 1, int number = 0>
struct Codes {
  static constexpr int kBits = bits;
  static constexpr bool kGrid = grid;
  static constexpr int kTop = (1 << bits) - 1;
  static constexpr CodeWidth kWidth = *find_code_width(bits);
  static constexpr int kParts = parts;
  template <int other>
  using Part = Codes<bits, grid, parts, other>;
  static constexpr int kQuads = block_quads(kWidth) / parts;  // of the part
  static constexpr int kFirstQuad = number * kQuads;
  static constexpr int kPartInputs = 4 * kQuads;
  static constexpr int kBlockInputs = block_inputs(kWidth);
  static constexpr int kBlockBytes = 64 * block_lines(kWidth);
};

// Bits `above` and up of quad `quad`: the plane of `bits` whose first line is number `first_line`.
template <typename Line, int bits, int above, int first_line, int quad>
inline __attribute__((always_inline)) Line plane_of(const std::uint8_t* block) noexcept {
  constexpr int kPerLine = 8 / bits;
  const Line line = Line::load(block + 64 * (first_line + quad / kPerLine));
  if constexpr (bits == 8) {
    return line;
  } else {
    constexpr unsigned kMask = ((1u << bits) - 1u) << above;
    return line.template moved<bits*(quad % kPerLine) - above>().masked(kMask);
  }
}

// The codes of one quad of a block's part.
template <typename C, typename Line, int quad>
inline __attribute__((always_inline)) Line codes_of(const std::uint8_t* block) noexcept {
  constexpr int kLow = C::kWidth.planes[0];
  constexpr int kHigh = C::kWidth.planes[1];
  constexpr int kQuad = C::kFirstQuad + quad;
  const Line low = plane_of<Line, kLow, 0, 0, kQuad>(block);
  if constexpr (kHigh == 0) {
    return low;
  } else {
    return either(low,
                  plane_of<Line, kHigh, kLow, block_quads(C::kWidth) * kLow / 8, kQuad>(block));
  }
}

// Calls body(Quad<0>{}), body(Quad<1>{}), …, `count` times.
template <int number>
struct Quad {
  static constexpr int kNumber = number;
};
template <int count, int number = 0, typename Body>
inline __attribute__((always_inline)) void each_quad(Body&& body) noexcept {
  if constexpr (number < count) {
    body(Quad<number>{});
    each_quad<count, number + 1>(body);
  }
}

}  // namespace
}  // namespace lathe
