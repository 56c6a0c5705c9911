// The older quantized block formats of ggml, byte for byte (the others: blocks/).
//
// A row of a matrix is cut into blocks of 32 or 256 elements; each has its own scale. All
// numbers are little-endian; d, m and dmin are IEEE halves as bits. q(i) is the unsigned code
// of element i. Bits per weight are of the whole block, scales included.
//
// The 32-element formats put element j in the low and element j + 16 in the high nibble of
// byte j: one 16-byte load and a mask give both halves in order. The K formats
// ("super-blocks" of 256) quantize the scales too: sub-blocks have small integer scales, and one
// or two halves scale those.
//
// Source: ggml-common.h and ggml-quants.c of ggml (layout only); the K formats are described in
// llama.cpp's pull request 1684.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lathe {

inline constexpr int kBlock32 = 32;
inline constexpr int kBlock256 = 256;

// 4.5 bits.  x = d · (q - 8)
//   | d 2 | qs 16 |
struct BlockQ4_0 {
  std::uint16_t d;
  std::uint8_t qs[16];  // byte j: q(j) | q(j + 16) << 4
};
static_assert(sizeof(BlockQ4_0) == 18);

// 5 bits.  x = d · q + m
//   | d 2 | m 2 | qs 16 |
struct BlockQ4_1 {
  std::uint16_t d;
  std::uint16_t m;
  std::uint8_t qs[16];  // as Q4_0
};
static_assert(sizeof(BlockQ4_1) == 20);

// 5.5 bits.  x = d · (q - 16), q has 5 bits
//   | d 2 | qh 4 | qs 16 |
struct BlockQ5_0 {
  std::uint16_t d;
  std::uint8_t qh[4];   // bit i of the 32: fifth bit of q(i)
  std::uint8_t qs[16];  // low four bits, as Q4_0
};
static_assert(sizeof(BlockQ5_0) == 22);

// 6 bits.  x = d · q + m, q has 5 bits
//   | d 2 | m 2 | qh 4 | qs 16 |
struct BlockQ5_1 {
  std::uint16_t d;
  std::uint16_t m;
  std::uint8_t qh[4];
  std::uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

// 8.5 bits.  x = d · q, q signed
//   | d 2 | qs 32 |
struct BlockQ8_0 {
  std::uint16_t d;
  std::int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

// 2.625 bits.  x = d · scale(s) · q - dmin · min(s), sixteen sub-blocks s of 16, q has 2 bits
//   | scales 16 | qs 64 | d 2 | dmin 2 |
//
// With l = 0..31, half h and quarter k, element 128 h + 32 k + l is in bits 2k, 2k + 1 of qs[32 h +
// l].
struct BlockQ2_K {
  std::uint8_t scales[16];  // scale(s) | min(s) << 4
  std::uint8_t qs[64];
  std::uint16_t d;
  std::uint16_t dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

// 3.4375 bits.  x = d · (scale(s) - 32) · (q - 4), sixteen sub-blocks s of 16, q has 3 bits
//   | hmask 32 | qs 64 | scales 12 | d 2 |
//
// Low bits as Q2_K; the third of element 32 k + l, k = 0..7, is bit k of hmask[l]. Scales of 6
// bits: the low four in nibbles, of 0..7 the low and of 8..15 the high ones of bytes 0..7; the
// upper two of s in bits 2 (s / 4), 2 (s / 4) + 1 of byte 8 + s mod 4.
struct BlockQ3_K {
  std::uint8_t hmask[32];
  std::uint8_t qs[64];
  std::uint8_t scales[12];
  std::uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

// 4.5 bits.  x = d · scale(s) · q - dmin · min(s), eight sub-blocks s of 32
//   | d 2 | dmin 2 | scales 12 | qs 128 |
//
// scales: eight 6-bit scales and eight 6-bit mins.
//   byte  0..3   scale(0..3) in bits 0..5, upper two bits of scale(4..7) in bits 6..7
//   byte  4..7   min(0..3)   in bits 0..5, upper two bits of min(4..7)   in bits 6..7
//   byte  8..11  low four bits of scale(4..7) in bits 0..3, of min(4..7) in bits 4..7
// qs: byte 32 g + l holds, for g = 0..3, element l of sub-block 2g in its low nibble and of
// sub-block 2g + 1 in its high one.
struct BlockQ4_K {
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];
  std::uint8_t qs[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

// 5.5 bits.  As Q4_K with a fifth bit:
//   | d 2 | dmin 2 | scales 12 | qh 32 | qs 128 |
// qh: bit s of byte l is the fifth bit of element l of sub-block s.
struct BlockQ5_K {
  std::uint16_t d;
  std::uint16_t dmin;
  std::uint8_t scales[12];
  std::uint8_t qh[32];
  std::uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

// 6.5625 bits.  x = d · scale(s) · (q - 32), sixteen sub-blocks s of 16, q has 6 bits
//   | ql 128 | qh 64 | scales 16 | d 2 |
//
// Each half h of the block (128 elements) uses 64 bytes of ql and 32 of qh. With l = 0..31 and
// quarter k = 0..3, element 128 h + 32 k + l has
//   its low four bits in ql[64 h + 32 (k mod 2) + l], low nibble for k < 2, high for k >= 2,
//   its upper two bits in bits 2k, 2k + 1 of qh[32 h + l].
struct BlockQ6_K {
  std::uint8_t ql[128];
  std::uint8_t qh[64];
  std::int8_t scales[16];
  std::uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

// The 6-bit scale and min of sub-block s (0..7) of Q4_K and Q5_K.
struct KScale {
  std::uint8_t scale;
  std::uint8_t min;
};

inline KScale k_scale(const std::uint8_t* scales, int s) noexcept {
  const auto byte = [](int value) { return static_cast<std::uint8_t>(value); };
  if (s < 4) return {byte(scales[s] & 63), byte(scales[s + 4] & 63)};
  const int low = scales[s + 4];
  return {byte((low & 15) | (scales[s - 4] >> 6) << 4), byte(low >> 4 | (scales[s] >> 6) << 4)};
}

}  // namespace lathe
