// Formats of one and two bits, byte for byte (see ggml_blocks.h for the words).
//
// Source: ggml-common.h and ggml-quants.c of ggml (layout only).
#pragma once

#include <cstdint>

namespace lathe {

// 1.6875 bits.  x = d · (t - 1), t one of 0, 1, 2
//   | qs 48 | qh 4 | d 2 |
// A byte v holds five digits of base 3 (of qh: four), the first of them highest, as ⌈256·n/243⌉ for
// their number n: digit k is (v·3^k mod 256)·3 / 256. Elements 32 k + m are digit k of qs[m], m <
// 32; 160 + 16 k + m that of qs[32 + m], m < 16; 240 + 4 k + m that of qh[m].
struct BlockTQ1_0 {
  std::uint8_t qs[48];
  std::uint8_t qh[4];
  std::uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

// 2.0625 bits.  x = d · (q - 1)
//   | qs 64 | d 2 |
struct BlockTQ2_0 {
  std::uint8_t qs[64];  // bits 2k, 2k + 1 of byte 32 h + m: q(128 h + 32 k + m)
  std::uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

// 1.125 bits, 128 elements.  x = d or -d
//   | d 2 | qs 16 |
struct BlockQ1_0 {
  std::uint16_t d;
  std::uint8_t qs[16];  // bit j of byte k: whether element 8 k + j is d
};
static_assert(sizeof(BlockQ1_0) == 18);

// 2.25 bits, 64 elements.  x = d · (q - 1)
//   | d 2 | qs 16 |
struct BlockQ2_0 {
  std::uint16_t d;
  std::uint8_t qs[16];  // bits 2j, 2j + 1 of byte k: q(4 k + j)
};
static_assert(sizeof(BlockQ2_0) == 18);

}  // namespace lathe
