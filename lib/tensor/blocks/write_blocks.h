// Blocks that quantize makes: the way back of BlockType::read, from whole numbers to bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lathe/dtype.h"

namespace lathe {

// What the formulas beside the blocks (ggml_blocks.h, blocks/grid_blocks.h) are about.
struct BlockParts {
  const std::uint8_t* codes = nullptr;  // q, one per element; of Q8_0 with 128 added
  std::uint16_t scale = 0;              // d, or e of MXFP4
  std::uint16_t minimum = 0;            // m or dmin
  // scale(s) and min(s) of each sub-block; scales of Q3_K, Q6_K and IQ4_XS have a sign.
  const std::int8_t* scales = nullptr;
  const std::int8_t* minimums = nullptr;
};

// Writes one block of a type that find_block_form() (quant/block_form.h) has. Codes, scales and
// minimums must be in its range. Thread-safe.
void write_block(DType type, const BlockParts& parts, std::byte* out);

}  // namespace lathe
