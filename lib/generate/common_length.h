// How much two texts share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lathe/tokenizer.h"

namespace lathe {

// Tokens that both begin with.
inline std::int64_t common_length(std::span<const TokenId> a, std::span<const TokenId> b) noexcept {
  const std::size_t n = std::min(a.size(), b.size());
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(n);
  return std::mismatch(a.begin(), end, b.begin()).first - a.begin();
}

}  // namespace lathe
