#include <algorithm>
#include <cmath>

#include "lathe/bench/bench.h"

namespace lathe {
namespace {

// The middle value; the mean of the two middle ones when their number is even. Reorders.
double median_of(std::vector<double>& values) {
  const std::size_t half = values.size() / 2;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(half);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2.0;
}

// SplitMix64 (Steele, Lea & Flood 2014): the same resamples on every machine.
struct SplitMix64 {
  std::uint64_t state;
  std::uint64_t next() noexcept {
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

double resampled_median(std::span<const double> values, SplitMix64& random,
                        std::vector<double>& scratch) {
  scratch.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    scratch.push_back(values[random.next() % values.size()]);
  }
  return median_of(scratch);
}

}  // namespace

BenchSummary summarize(std::span<const double> values) {
  BenchSummary s;
  if (values.empty()) return s;
  const auto n = static_cast<double>(values.size());
  for (const double v : values) s.mean += v / n;
  double squares = 0.0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.stddev = values.size() > 1 ? std::sqrt(squares / (n - 1.0)) : 0.0;
  std::vector<double> copy(values.begin(), values.end());
  s.median = median_of(copy);
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  return s;
}

BenchRatio compare_samples(std::span<const double> a, std::span<const double> b, int rounds) {
  BenchRatio out;
  if (a.empty() || b.empty()) return out;
  std::vector<double> scratch(a.begin(), a.end());
  const double of_a = median_of(scratch);
  scratch.assign(b.begin(), b.end());
  out.ratio = of_a / median_of(scratch);

  SplitMix64 random{1};
  std::vector<double> ratios;
  ratios.reserve(static_cast<std::size_t>(rounds));
  for (int i = 0; i < rounds; ++i) {
    const double above = resampled_median(a, random, scratch);
    ratios.push_back(above / resampled_median(b, random, scratch));
  }
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size() - 1))];
  };
  out.low = at(0.025);
  out.high = at(0.975);
  return out;
}

}  // namespace lathe
