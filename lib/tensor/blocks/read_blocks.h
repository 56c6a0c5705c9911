// What the files of block formats have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tensor/block_types.h"

namespace lathe {

// The rows of each kind.
std::span<const BlockType> plain_block_types() noexcept;     // blocks of 32, one scale each
std::span<const BlockType> k_block_types() noexcept;         // 256, scales in two levels
std::span<const BlockType> grid_block_types() noexcept;      // codes are places in a table
std::span<const BlockType> few_bit_block_types() noexcept;   // of one and two bits
std::span<const BlockType> codebook_block_types() noexcept;  // codes of several elements in one

template <typename Block>
Block block_at(const std::byte* from, std::int64_t index = 0) noexcept {
  Block block;
  std::memcpy(&block, from + index * static_cast<std::int64_t>(sizeof(Block)), sizeof(block));
  return block;
}

// Reads one block, number i of its row.
template <typename Block>
using ReadBlock = void (*)(const Block& block, std::int64_t i, const BlockRow& row);

template <typename Block, ReadBlock<Block> read>
void read_row(const std::byte* blocks, std::int64_t count, const BlockRow& row) {
  for (std::int64_t i = 0; i < count; ++i) read(block_at<Block>(blocks, i), i, row);
}

constexpr bool is_finite_half(std::uint16_t half) noexcept { return (half & 0x7c00u) != 0x7c00u; }

template <typename Block>
bool halves_are_finite(const std::byte* from) {
  const auto block = block_at<Block>(from);
  bool sound = is_finite_half(block.d);
  if constexpr (requires { block.m; }) sound = sound && is_finite_half(block.m);
  if constexpr (requires { block.dmin; }) sound = sound && is_finite_half(block.dmin);
  return sound;
}

// A row of the table for blocks whose scales are halves.
template <typename Block, ReadBlock<Block> read>
constexpr BlockType block_type(DType dtype, const PackedScheme& scheme,
                               const std::array<std::int8_t, 16>& grid = {},
                               int unit_exponent = 0) {
  return {dtype, scheme, read_row<Block, read>, halves_are_finite<Block>, grid, unit_exponent};
}

constexpr std::uint8_t byte_of(int value) noexcept { return static_cast<std::uint8_t>(value); }

// Nibbles as blocks of 32 have them: element j low, element j + 16 high.
inline void read_nibbles(const std::uint8_t* qs, std::uint8_t* codes) noexcept {
  for (int j = 0; j < 16; ++j) {
    codes[j] = byte_of(qs[j] & 15);
    codes[j + 16] = byte_of(qs[j] >> 4);
  }
}

// Number i of those that a byte holds two of, low first.
constexpr int nibble(const std::uint8_t* bytes, int i) noexcept {
  return bytes[i / 2] >> (4 * (i % 2)) & 15;
}

}  // namespace lathe
