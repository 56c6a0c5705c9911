// Quantized matrices as the kernels read them: one layout for AVX-512, AVX2 and plain C++.
//
// What it is. A weight matrix [rows, cols] in small integers with one scale (and perhaps one
// minimum) per group of neighbouring inputs of one row:
//
//   w[r][k] = scale[r][k / group] · (q[r][k] - zero)       without minimums
//   w[r][k] = scale[r][k / group] ·  q[r][k] + minimum[r][k / group]
//
// q is unsigned, because int8 dot instructions take one unsigned operand (the weights) and
// one signed (the activations). zero is half of what the bits can count: 8 for 4 bits, 128 for 8.
// With a grid, q is an index into sixteen signed bytes, and w = scale · grid[q]. packed_scheme.h
// lists what there is.
//
// The bytes of the weights. Sixteen rows make a tile, because sixteen 32-bit sums are one
// AVX-512 register or two AVX2 registers: each output row has a lane of its own, so its sum
// has one order in every kernel. Four neighbouring inputs of a row stand together, because
// the dot instructions add four products. Rows are padded to 16, inputs to 32, with zeros.
//
//   8 bits, one line of 64 bytes:      row 0: k k+1 k+2 k+3 | row 1: k .. k+3 | … | row 15
//                                      lines of a tile: k = 0, 4, 8, …
//   4 bits, one line of 64 bytes:      byte b of the line holds in its low nibble what byte b
//                                      of the 8-bit line for k would hold, and in its high
//                                      nibble that of the line for k + 4
//                                      lines of a tile: k = 0, 8, 16, …
//   2, 3, 5 and 6 bits: in one plane or two (packed_scheme.h)
//   tiles follow each other: the matrix is one stream of memory.
//
// Scales stand beside the weights, as [tile][group][16 rows], in one of these forms:
//   kHalf       a half each
//   kTwoLevel   a signed byte each, times a half per 256 inputs ([tile][ceil(cols/256)][16]):
//               small groups for few bits, and what ggml's K types are
//   kExponent   a byte e each, for 2^(e - 127): what MXFP4 is
//   kZeroPoint  a half each, and for the minimum an unsigned byte z, for -z · scale: what GPTQ and
//               AWQ are
// But for that one, minimums have the same form as the scales.
//
// Bits per weight (large matrices): bits + s/group with s = 16 (kHalf) or 8 (kExponent;
// kTwoLevel, plus 16/256), twice that with minimums, but 24 with zero points. 4 bits, group 64,
// kHalf: 4.25; group 32 kTwoLevel: 4.3125.
//
// This header has plain structs only, as kernels include it; sizes, parsing and packing are
// in tensor/packed_layout.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/packed_scheme.h"

namespace lathe {

// A view of a packed matrix; the bytes belong to somebody else.
struct PackedMatrix {
  PackedScheme scheme;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  // Power of two that all scales and minimums are multiplied with: keeps them in the range
  // where a half has its full precision.
  float unit = 1.0f;
  alignas(16) std::int8_t grid[16] = {};

  // What follows from the above: packed_layout.h fills it in.
  std::int64_t tiles = 0;         // of 16 rows
  std::int64_t inputs = 0;        // cols padded to 32
  std::int64_t tile_bytes = 0;    // of weights
  std::int64_t groups = 0;        // scales stored per row
  std::int64_t super_groups = 0;  // per row; 0 without two levels

  const std::uint8_t* weights = nullptr;
  const void* scales = nullptr;  // std::uint16_t (half), std::int8_t or (exponents) std::uint8_t
  const std::uint16_t* super_scales = nullptr;
  const void* minimums = nullptr;
  const std::uint16_t* super_minimums = nullptr;
};

// Activations of several tokens, quantized: x[t][k] ≈ Σ over planes of scale[t][k / span] ·
// q[t][k], q in -127..127. One plane is a byte per input; a second holds what the first has rounded
// away, in 254ths of its scale: two bytes together are sixteen bits but for a quarter of one.
// Tokens stand in blocks, and within a block side by side, four inputs at a time: a kernel that
// multiplies a block reads one stream. Two planes of a token are neighbours, as two tokens would
// be. The last block may be partly empty.
struct QuantizedRows {
  std::int64_t rows = 0;     // tokens
  std::int64_t block = 1;    // tokens per block
  std::int64_t planes = 1;   // 1 or 2
  std::int64_t inputs = 0;   // per token, padded with zeros to 32
  std::int64_t span = 0;     // inputs per scale: one of kActivationSpans, a multiple of the group
  std::int64_t group = 0;    // of the weights: one of kPackedGroups
  std::int8_t* q = nullptr;  // [blocks][inputs / 4][block][planes][4]
  float* scale = nullptr;    // [blocks][spans][block][planes]
  // Per group of the weights, [blocks][groups][block][planes]: Σ q as a float, and -8 · Σ q, what
  // the sums of weights with zero = 8 start from.
  float* sum = nullptr;
  std::int32_t* minus_eight_sum = nullptr;

  std::int64_t spans() const noexcept { return (inputs + span - 1) / span; }
  std::int64_t groups() const noexcept { return (inputs + group - 1) / group; }
  std::int64_t blocks() const noexcept { return (rows + block - 1) / block; }
  // Bytes of a block per input.
  std::int64_t width() const noexcept { return block * planes; }
};

}  // namespace lathe
