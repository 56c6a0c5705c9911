// ggml's block types that quantize makes: what their search must know. (How their bytes lie:
// tensor/blocks/write_blocks.h.)
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "lathe/dtype.h"

namespace lathe {

struct BlockForm {
  enum class Kind : std::uint8_t {
    kScale,  // scale · (code - (top_code + 1) / 2)
    kLine,   // scale · code + minimum
    kGrid,   // scale · table[code], sixteen increasing values
    kE2M1,   // scale · one of eight numbers and a sign; the scale is a power of two
  };
  // Whole numbers that factors of sub-blocks are, times a half of the block.
  struct Steps {
    int least = 0;
    int most = 0;
  };

  DType type = DType::kF32;
  std::int64_t block = 32;  // elements
  std::int64_t group = 32;  // elements that share a factor
  std::int32_t top_code = 15;
  Kind kind = Kind::kScale;
  Steps scales = {};    // where a block has several groups
  Steps minimums = {};  // of the minimums' negatives

  std::int64_t groups() const noexcept { return block / group; }
  // The code that stands for 0.
  std::int32_t zero_code() const noexcept { return kind == Kind::kScale ? (top_code + 1) / 2 : 0; }
};

// All of them, by bits per weight.
std::span<const BlockForm> block_forms() noexcept;

// Null for types that quantize does not make.
const BlockForm* find_block_form(DType type) noexcept;

}  // namespace lathe
