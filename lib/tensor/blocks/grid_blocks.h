// Formats of 4 bits whose codes are places in a table of sixteen values, byte for byte (see
// ggml_blocks.h for the words).
//
// Sources: ggml-common.h (layout only); OCP Microscaling Formats 1.0 (2023) for E2M1 and E8M0.
#pragma once

#include <array>
#include <cstdint>

namespace lathe {

// The table of IQ4_NL and IQ4_XS.
inline constexpr std::array<std::int8_t, 16> kGridIq4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                         1,    13,   25,  38,  53,  69,  89,  113};
// E2M1 doubled: two bits of exponent, one of mantissa, and a sign.
inline constexpr std::array<std::int8_t, 16> kGridE2M1 = {0, 1,  2,  3,  4,  6,  8,  12,
                                                          0, -1, -2, -3, -4, -6, -8, -12};

// 4.5 bits.  x = d · table[q]
//   | d 2 | qs 16 |
struct BlockIQ4_NL {
  std::uint16_t d;
  std::uint8_t qs[16];  // byte j: q(j) | q(j + 16) << 4
};
static_assert(sizeof(BlockIQ4_NL) == 18);

// 4.25 bits.  x = d · (scale(s) - 32) · table[q], eight sub-blocks s of 32
//   | d 2 | scales_h 2 | scales_l 4 | qs 128 |
struct BlockIQ4_XS {
  std::uint16_t d;
  std::uint16_t scales_h;    // bits 2s, 2s + 1: upper two bits of scale(s)
  std::uint8_t scales_l[4];  // nibble s: its lower four
  std::uint8_t qs[128];      // sub-block s as IQ4_NL from byte 16 s on
};
static_assert(sizeof(BlockIQ4_XS) == 136);

// 4.25 bits.  x = 2^(e - 127) · E2M1(q)
//   | e 1 | qs 16 |
struct BlockMXFP4 {
  std::uint8_t e;       // E8M0; 255 is no number
  std::uint8_t qs[16];  // as IQ4_NL
};
static_assert(sizeof(BlockMXFP4) == 17);

// 4.5 bits.  x = E4M3(d(s)) · E2M1(q), four sub-blocks s of 16
//   | d 4 | qs 32 |
struct BlockNVFP4 {
  std::uint8_t d[4];    // E4M3 without a sign: four bits of exponent, three of mantissa
  std::uint8_t qs[32];  // byte 8 s + j: q(16 s + j) | q(16 s + j + 8) << 4
};
static_assert(sizeof(BlockNVFP4) == 36);

}  // namespace lathe
