// The quantized block formats, as a table: what one holds, in the words of a packed matrix.
//
// Each is re-expressed exactly: a row of blocks becomes codes, scales and minimums of a packed
// scheme (packed_matrix.h), and what a block's elements are as floats follows from them. Products
// of a scale and a code fit a float's 24 bits, so it makes no difference in which order a format's
// own programs multiply.
//
// A new format: its layout beside the others of its kind in blocks/, with a function that reads it
// and a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lathe/dtype.h"

#include "tensor/packed_scheme.h"

namespace lathe {

// Where a row's numbers go. Scales (which = 0) and minimums (1) of neighbouring groups stand `step`
// apart.
struct BlockRow {
  std::uint8_t* codes = nullptr;
  std::uint16_t* halves[2] = {};  // of one level
  std::int8_t* bytes[2] = {};     // of two levels, or exponents
  std::uint16_t* supers[2] = {};
  std::int64_t step = 1;

  void set_half(int which, std::int64_t group, std::uint16_t half) const noexcept {
    halves[which][step * group] = half;
  }
  void set_byte(int which, std::int64_t group, int value) const noexcept {
    bytes[which][step * group] = static_cast<std::int8_t>(value);
  }
  void set_super(int which, std::int64_t index, std::uint16_t half) const noexcept {
    supers[which][step * index] = half;
  }
};

struct BlockType {
  DType dtype = DType::kF32;
  // Its span: in SmolLM2, whose activations have outliers, a scale for each 32 inputs in place of
  // 128 brings the perplexity of codes of 4 bits from 2.1 % beside that of the same numbers as
  // floats to 0.03 %.
  PackedScheme scheme;
  // `count` blocks, which begin a row, at any address.
  void (*read)(const std::byte* blocks, std::int64_t count, const BlockRow& row) = nullptr;
  // Whether the scales of a block are finite numbers.
  bool (*is_sound)(const std::byte* block) = nullptr;
  std::array<std::int8_t, 16> grid = {};  // where the scheme has one
  int unit_exponent = 0;                  // as PackedMatrix::unit
};

// Null for types that are no blocks.
const BlockType* find_block_type(DType dtype) noexcept;

}  // namespace lathe
