// Where blocks of quantized types have their scales, for tests that fill blocks with random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lathe/dtype.h"

namespace lathe::test {

inline constexpr std::array kBlockTypes = {
    DType::kQ4_0,   DType::kQ4_1,    DType::kQ5_0,  DType::kQ5_1,    DType::kQ8_0,
    DType::kQ2_K,   DType::kQ3_K,    DType::kQ4_K,  DType::kQ5_K,    DType::kQ6_K,
    DType::kIQ4_NL, DType::kIQ4_XS,  DType::kMXFP4, DType::kNVFP4,   DType::kTQ1_0,
    DType::kTQ2_0,  DType::kQ1_0,    DType::kQ2_0,  DType::kIQ2_XXS, DType::kIQ2_XS,
    DType::kIQ2_S,  DType::kIQ3_XXS, DType::kIQ3_S, DType::kIQ1_S,   DType::kIQ1_M,
};

// Offsets of the halves that scale a block; none of the three types whose scales are something
// else.
inline std::vector<std::size_t> half_offsets(DType type) {
  switch (type) {
    case DType::kMXFP4:
    case DType::kNVFP4:
    case DType::kIQ1_M:
      return {};
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ2_K:
      return {80, 82};
    case DType::kQ3_K:
      return {108};
    case DType::kQ6_K:
      return {208};
    case DType::kTQ1_0:
      return {52};
    case DType::kTQ2_0:
      return {64};
    default:
      return {0};
  }
}

// Makes `half`, or what comes near it, the scale (which = 0) or minimum (1) of a block.
inline void set_block_scale(DType type, void* block, std::uint16_t half, std::size_t which = 0) {
  auto* bytes = static_cast<std::uint8_t*>(block);
  const int exponent = (half >> 10 & 31) - 15;
  if (type == DType::kMXFP4) {
    bytes[0] = static_cast<std::uint8_t>(exponent + 127);
  } else if (type == DType::kNVFP4) {
    const int e4m3 = exponent < -6 ? 1 : (exponent + 7) << 3 | (half >> 7 & 7);
    for (int s = 0; s < 4; ++s) bytes[s] = static_cast<std::uint8_t>(e4m3 - s % 2);
  } else if (type == DType::kIQ1_M) {
    // The upper nibbles of four numbers of 16 bits.
    for (int k = 0; k < 4; ++k) {
      std::uint8_t& high = bytes[48 + 2 * k + 1];
      high = static_cast<std::uint8_t>((high & 15) | (half >> (4 * k) & 15) << 4);
    }
  } else if (const auto offsets = half_offsets(type); which < offsets.size()) {
    std::memcpy(bytes + offsets[which], &half, sizeof(half));
  }
}

}  // namespace lathe::test
