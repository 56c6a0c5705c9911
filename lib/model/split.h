// Which rows of a matrix, heads or columns each process of an ensemble has.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lathe/model_config.h"

#include "base/divide_up.h"

namespace lathe {

// [first, last)
struct Range {
  std::int64_t first = 0;
  std::int64_t last = 0;

  std::int64_t size() const noexcept { return last - first; }
  bool operator==(const Range&) const = default;
};

// This process among those that compute a model together.
struct Member {
  int rank = 0;
  int size = 1;
};

// What a process has of a model: all layers' matrices in part, or some layers' whole.
struct Share {
  Member rows = {};  // among those that divide each matrix
  Range layers = {0, std::numeric_limits<std::int64_t>::max()};
  bool ends = true;  // the embedding and the output matrix
};

inline bool is_part(const Share& share) noexcept {
  return share.rows.size > 1 || share.layers != Share().layers;
}

// `total` columns of a product in units of `unit`, the last perhaps in part, that are dealt out
// evenly in their order. `sharers` neighbouring units have the same columns: query heads their KV
// head's.
struct Split {
  std::int64_t total = 0;
  std::int64_t unit = 1;
  std::int64_t sharers = 1;

  Range of(Member member) const noexcept {
    const std::int64_t units = divide_up(total, unit) * sharers;
    const std::int64_t first = units * member.rank / member.size;
    const std::int64_t last = units * (member.rank + 1) / member.size;
    const std::int64_t start = std::min(total, first / sharers * unit);
    if (first == last) return {start, start};
    return {start, std::min(total, divide_up(last, sharers) * unit)};
  }
};

// Rows of weights that are computed together, wherever a process's begin: a tile of quantized
// matrices, and of float ones whole pieces whichever way they are multiplied (float_matrix.h).
inline constexpr std::int64_t kQuantizedGrain = 16;
inline constexpr std::int64_t kFloatGrain = 96;

// Query heads, and the KV heads that they read.
inline Split heads_split(const AttentionConfig& a) noexcept { return {a.heads, 1, 1}; }
inline Split kv_heads_split(const AttentionConfig& a) noexcept {
  return {a.kv_heads, 1, a.heads / a.kv_heads};
}

// The range in numbers of something that each of its elements has `times` of.
inline Range times(Range range, std::int64_t times) noexcept {
  return {range.first * times, range.last * times};
}

// The range that begins and ends at multiples of `grain`, or at `total`, and holds this one.
inline Range widened(Range range, std::int64_t grain, std::int64_t total) noexcept {
  if (range.size() == 0) return range;
  return {range.first / grain * grain, std::min(total, round_up(range.last, grain))};
}

}  // namespace lathe
