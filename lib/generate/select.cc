#include "generate/select.h"

#include <algorithm>
#include <limits>

namespace lathe {

std::optional<RankedLogit> largest(std::span<const float> values) noexcept {
  RankedLogit best{-1, -std::numeric_limits<float>::infinity()};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > best.value) best = {static_cast<TokenId>(i), values[i]};
  }
  if (best.id < 0) return std::nullopt;
  return best;
}

void select_largest(std::span<const float> values, std::int64_t count,
                    std::vector<RankedLogit>& out) {
  out.clear();
  if (count <= 0) return;
  const auto wanted = static_cast<std::size_t>(
      std::min<std::uint64_t>(static_cast<std::uint64_t>(count), values.size()));
  // Elements enter while they rank before the last of the `wanted` best so far. Ids come in
  // increasing order, so at a tie with that one the newcomer always ranks behind it.
  const std::size_t room = 2 * wanted;
  out.reserve(room);
  float threshold = -std::numeric_limits<float>::infinity();
  const auto shrink = [&] {
    const auto last = out.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
    std::nth_element(out.begin(), last, out.end(), ranks_before);
    threshold = last->value;
    out.resize(wanted);
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] > threshold)) continue;
    out.push_back({static_cast<TokenId>(i), values[i]});
    if (out.size() == room) shrink();
  }
  if (out.size() > wanted) shrink();
}

}  // namespace lathe
