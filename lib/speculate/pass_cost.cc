#include "speculate/pass_cost.h"

#include <algorithm>

#include "base/running_mean.h"

namespace lathe {
namespace {

// Beside one row another costs this share of it, before it is measured: low, so that it will be.
constexpr double kGuess = 0.03;

double at(const std::array<double, PassCost::kMaxRows + 1>& values, std::int64_t i) {
  return values[static_cast<std::size_t>(i)];
}

}  // namespace

void PassCost::note(std::int64_t rows, double seconds) noexcept {
  if (rows < 1 || rows > kMaxRows) return;
  follow(seconds_[static_cast<std::size_t>(rows)], seconds);
}

bool PassCost::lacks(std::int64_t rows) const noexcept {
  const auto above = seconds_.begin() + std::clamp<std::int64_t>(rows, 1, kMaxRows) + 1;
  const auto measured = [](double seconds) { return seconds != 0.0; };
  return std::none_of(seconds_.begin(), above, measured) &&
         std::any_of(above, seconds_.end(), measured);
}

double PassCost::of(std::int64_t rows) const noexcept {
  rows = std::clamp<std::int64_t>(rows, 1, kMaxRows);
  std::int64_t below = rows;
  while (below > 0 && at(seconds_, below) == 0.0) --below;
  std::int64_t above = rows;
  while (above <= kMaxRows && at(seconds_, above) == 0.0) ++above;
  const auto line = [&](std::int64_t from) {
    const double other = 1.0 + kGuess * static_cast<double>(from - 1);
    return at(seconds_, from) / other * (1.0 + kGuess * static_cast<double>(rows - 1));
  };
  if (below == rows) return at(seconds_, rows);
  if (below == 0 && above > kMaxRows) return 1.0 + kGuess * static_cast<double>(rows - 1);
  if (below == 0) return line(above);
  if (above > kMaxRows) return line(below);
  const double share = static_cast<double>(rows - below) / static_cast<double>(above - below);
  return at(seconds_, below) + share * (at(seconds_, above) - at(seconds_, below));
}

}  // namespace lathe
