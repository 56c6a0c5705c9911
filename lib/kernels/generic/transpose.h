// Sixteen rows side by side to sixteen lanes: out[16 k + r] = in[r · stride + k] · factor.
#pragma once

#include <cstdint>

namespace lathe {
namespace {

inline void transpose_16(const float* in, std::int64_t stride, float factor, float* out) noexcept {
  for (int r = 0; r < 16; ++r) {
    for (int k = 0; k < 16; ++k) out[16 * k + r] = in[r * stride + k] * factor;
  }
}

}  // namespace
}  // namespace lathe
