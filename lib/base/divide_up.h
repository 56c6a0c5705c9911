// Whole numbers of pieces.
#pragma once

#include <cstdint>

namespace lathe {

// ⌈a / b⌉, for a >= 0 and b > 0, without wrapping.
constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) noexcept {
  return a / b + (a % b != 0 ? 1 : 0);
}

// The multiple of b that is next to a from above.
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept {
  return divide_up(a, b) * b;
}

}  // namespace lathe
