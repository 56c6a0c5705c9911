// Answers that repeat themselves, as greedy ones of small models do without end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "lathe/tokenizer.h"

namespace lathe {

// Whether the last `count` ids are one run of at most a third as many, again and again.
inline bool ends_in_loop(std::span<const TokenId> ids, std::int64_t count) {
  if (std::cmp_less(ids.size(), count)) return false;
  const auto last = ids.last(static_cast<std::size_t>(count));
  for (std::size_t period = 1; 3 * period <= last.size(); ++period) {
    std::size_t at = last.size();
    while (at > period && last[at - 1] == last[at - 1 - period]) --at;
    if (at == period) return true;
  }
  return false;
}

}  // namespace lathe
