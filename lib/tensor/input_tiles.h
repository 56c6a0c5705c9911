// Many rows of activations as products with float weights read them: one stream of memory.
//
// A word of 32 bits holds one input as a float, or two neighbouring ones as bfloat16 (the first
// in the low half; after the last of an odd number comes a zero): what one lane multiplies in
// one instruction. Rows stand in tiles of at most eight (or one, where there are few), as even
// as they come, and within a tile side by side:
//
//   tile t, rows [first_row(t), first_row(t + 1)):   [words per row][rows of the tile]
#pragma once

#include <cstdint>

namespace lathe {

struct InputTiles {
  static constexpr std::int64_t kTileRows = 8;

  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t tile_rows = kTileRows;  // at most; or 1
  std::int64_t inputs_per_word = 1;    // 1: floats, 2: bfloat16
  std::uint32_t* words = nullptr;      // rows · words_per_row()

  std::int64_t words_per_row() const noexcept {
    return (cols + inputs_per_word - 1) / inputs_per_word;
  }
  std::int64_t tiles() const noexcept { return (rows + tile_rows - 1) / tile_rows; }
  std::int64_t first_row(std::int64_t tile) const noexcept { return tile * rows / tiles(); }
  std::int64_t rows_of(std::int64_t tile) const noexcept {
    return first_row(tile + 1) - first_row(tile);
  }
  std::uint32_t* tile(std::int64_t t) const noexcept {
    return words + first_row(t) * words_per_row();
  }
};

}  // namespace lathe
