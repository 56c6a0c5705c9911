// Formats that take eight or four elements together from a codebook, byte for byte (see
// ggml_blocks.h for the words, codebooks.h for the books).
//
// An entry says magnitudes, and a bit per element the sign; or, of IQ1_S and IQ1_M, -1, 0 and 1, to
// which an eighth is added or taken. So an element is one of at most sixteen values, and the blocks
// are packed matrices on a grid, exactly.
//
// Where signs take seven bits, that of the eighth element makes the number of minus signs even.
//
// Source: ggml-common.h and ggml-quants.c of ggml (layout only).
#pragma once

#include <cstdint>

namespace lathe {

// 2.0625 bits.  x = d · (2s + 1) / 8 · ±book[…], eight sub-blocks of 32
//   | d 2 | qs 64 |
// Eight bytes for each sub-block: four numbers of entries, then 32 bits: four times seven of signs,
// and the scale s in the upper four.
struct BlockIQ2_XXS {
  std::uint16_t d;
  std::uint8_t qs[64];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

// 2.3125 bits.  x = d · (2s + 1) / 8 · ±book[…], sixteen sub-blocks of 16
//   | d 2 | qs 64 | scales 8 |
struct BlockIQ2_XS {
  std::uint16_t d;
  std::uint16_t qs[32];    // per eight elements: entry in nine bits, then seven of signs
  std::uint8_t scales[8];  // a nibble for each sub-block
};
static_assert(sizeof(BlockIQ2_XS) == 74);

// 2.5625 bits.  As IQ2_XS, with eight signs
//   | d 2 | qs 32 | signs 32 | qh 8 | scales 8 |
struct BlockIQ2_S {
  std::uint16_t d;
  std::uint8_t qs[32];     // per eight elements: low eight bits of the entry's number
  std::uint8_t signs[32];  // bit j: minus for element j
  std::uint8_t qh[8];      // two more bits of the entry, the first pair lowest
  std::uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_S) == 82);

// 3.0625 bits.  x = d · (2s + 1) / 4 · ±book[…], entries of four, eight sub-blocks of 32
//   | d 2 | qs 64 | signs 32 |
struct BlockIQ3_XXS {
  std::uint16_t d;
  std::uint8_t qs[64];
  std::uint8_t signs[32];  // as 32 bits for each sub-block: as IQ2_XXS
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

// 3.4375 bits.  x = d · (2s + 1) · ±book[…], entries of four, eight sub-blocks of 32
//   | d 2 | qs 64 | qh 8 | signs 32 | scales 4 |
struct BlockIQ3_S {
  std::uint16_t d;
  std::uint8_t qs[64];     // low eight bits of the entry's number
  std::uint8_t qh[8];      // a ninth bit, eight entries in a byte
  std::uint8_t signs[32];  // as IQ2_S
  std::uint8_t scales[4];  // a nibble for each sub-block
};
static_assert(sizeof(BlockIQ3_S) == 110);

// 1.5625 bits.  x = d · (2s + 1) · (book[…] ± 1/8), eight sub-blocks of 32
//   | d 2 | qs 32 | qh 16 |
struct BlockIQ1_S {
  std::uint16_t d;
  std::uint8_t qs[32];  // low eight bits of the entry's number
  std::uint16_t qh[8];  // of each sub-block: four times three more bits, the scale s in bits 12 to
                        // 14, and bit 15: take the eighth
};
static_assert(sizeof(BlockIQ1_S) == 50);

// 1.75 bits.  x = d · (2s + 1) · (book[…] ± 1/8), sixteen sub-blocks of 16
//   | qs 32 | qh 16 | scales 8 |
struct BlockIQ1_M {
  std::uint8_t qs[32];
  std::uint8_t qh[16];  // a nibble per eight elements: three more bits, and bit 3: take the eighth
  std::uint16_t scales[4];  // four times three bits of s; the upper nibbles of all: d, lowest first
};
static_assert(sizeof(BlockIQ1_M) == 56);

}  // namespace lathe
