// How much work it takes that a fork and join costs less than it saves, by the unit that the work
// is counted in.
#pragma once

#include <cstdint>

namespace lathe {

// Multiplications of matrices.
inline constexpr std::int64_t kProductsWorthSharing = 1 << 16;
// Floats that something is done to one by one: added, normed, quantized.
inline constexpr std::int64_t kFloatsWorthSharing = 1 << 14;

}  // namespace lathe
