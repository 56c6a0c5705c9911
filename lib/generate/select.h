// The largest of many numbers, without sorting them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

struct RankedLogit {
  TokenId id = 0;
  float value = 0.0f;
};

// The order that every selection uses: larger first, at a tie the lower id. NaN takes no part.
inline bool ranks_before(const RankedLogit& a, const RankedLogit& b) noexcept {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// The first in that order; nothing when every element is NaN or -inf.
std::optional<RankedLogit> largest(std::span<const float> values) noexcept;

// The first `count` in that order, in no particular order themselves; fewer when fewer are
// numbers above -inf. One pass with a buffer of 2·count: O(n + count log n) on logits in random
// order.
void select_largest(std::span<const float> values, std::int64_t count,
                    std::vector<RankedLogit>& out);

}  // namespace lathe
