#include "speculate/hold_rates.h"

#include <algorithm>
#include <bit>

namespace lathe {
namespace {

// What rates are worth before anything is known: so many tokens tried.
constexpr double kPrior = 4.0;
// More than this are not remembered.
constexpr double kMemory = 64.0;
// What others' rates are worth beside a sequence's own: tokens tried.
constexpr double kOthers = 6.0;
// For 1, 2, 3, 4 to 5, 6 to 8, 9 to 16, 17 to 32 and more tokens that agree.
constexpr std::array<double, 8> kGuess = {0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95};

}  // namespace

HoldRates::HoldRates() {
  for (std::size_t i = 0; i < kSizes; ++i) counts_[i] = {kPrior, kPrior * kGuess[i]};
}

HoldRates HoldRates::none() {
  HoldRates out;
  out.counts_ = {};
  return out;
}

std::size_t HoldRates::size_of(std::uint32_t agreed) noexcept {
  if (agreed <= 3) return std::max<std::uint32_t>(agreed, 1) - 1;
  if (agreed <= 5) return 3;
  if (agreed <= 8) return 4;
  return agreed <= 16 ? 5 : agreed <= 32 ? 6 : 7;
}

double HoldRates::rate(std::uint32_t agreed, const HoldRates* own) const noexcept {
  const Count& all = counts_[size_of(agreed)];
  const double rate = all.held / all.tried;
  if (own == nullptr) return rate;
  const Count& mine = own->counts_[size_of(agreed)];
  return (kOthers * rate + mine.held) / (kOthers + mine.tried);
}

void HoldRates::note(std::uint32_t agreed, bool held) noexcept {
  Count& count = counts_[size_of(agreed)];
  count.tried += 1.0;
  if (held) count.held += 1.0;
  if (count.tried > kMemory) {
    const double keep = kMemory / count.tried;
    count.tried *= keep;
    count.held *= keep;
  }
}

}  // namespace lathe
