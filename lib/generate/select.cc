#include "generate/select.h"

#include <algorithm>
#include <limits>

namespace lathe {

namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
// Elements looked at in one step: enough to fill vector registers.
constexpr std::size_t kLanes = 16;

// The maximum of kLanes elements, NaN aside; -inf where all are NaN.
float block_max(const float* values) noexcept {
  float lanes[kLanes];
  for (std::size_t j = 0; j < kLanes; ++j) lanes[j] = std::max(kLowest, values[j]);
  for (std::size_t step = kLanes / 2; step > 0; step /= 2) {
    for (std::size_t j = 0; j < step; ++j) lanes[j] = std::max(lanes[j], lanes[j + step]);
  }
  return lanes[0];
}

}  // namespace

std::optional<RankedLogit> largest(std::span<const float> values) noexcept {
  // std::max(a, b) is b only where a < b, so a NaN never enters.
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, kLowest);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lanes[j] = std::max(lanes[j], values[i + j]);
  }
  float best = kLowest;
  for (const float lane : lanes) best = std::max(best, lane);
  for (; i < values.size(); ++i) best = std::max(best, values[i]);
  if (best == kLowest) return std::nullopt;
  const auto first = std::find(values.begin(), values.end(), best);
  return RankedLogit{static_cast<TokenId>(first - values.begin()), best};
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
  float threshold = kLowest;
  const auto shrink = [&] {
    const auto last = out.begin() + static_cast<std::ptrdiff_t>(wanted) - 1;
    std::nth_element(out.begin(), last, out.end(), ranks_before);
    threshold = last->value;
    out.resize(wanted);
  };
  const auto offer = [&](std::size_t i) {
    if (!(values[i] > threshold)) return;
    out.push_back({static_cast<TokenId>(i), values[i]});
    if (out.size() == room) shrink();
  };
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    if (!(block_max(&values[i]) > threshold)) continue;
    for (std::size_t j = 0; j < kLanes; ++j) offer(i + j);
  }
  for (; i < values.size(); ++i) offer(i);
  if (out.size() > wanted) shrink();
}

}  // namespace lathe
