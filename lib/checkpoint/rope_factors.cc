#include "checkpoint/rope_factors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe {
namespace {

// Other writers compute in float, in other orders: a few units in the last place apart.
constexpr double kTolerance = 4e-6;

bool fits(const RopeConfig& candidate, std::span<const float> factors) {
  const auto expected = llama3_factors(candidate, static_cast<std::int64_t>(factors.size()) * 2);
  return std::equal(factors.begin(), factors.end(), expected.begin(), [](float a, float b) {
    return std::abs(static_cast<double>(a) - static_cast<double>(b)) <=
           kTolerance * static_cast<double>(b);
  });
}

}  // namespace

std::vector<float> llama3_factors(const RopeConfig& rope, std::int64_t head_dim) {
  std::vector<float> factors;
  const auto original = static_cast<double>(rope.original_max_position);
  for (std::int64_t i = 0; i < head_dim; i += 2) {
    const double exponent = static_cast<double>(i) / static_cast<double>(head_dim);
    const double wavelength = 2.0 * std::numbers::pi * std::pow(rope.theta, exponent);
    double divisor = 1.0;
    if (wavelength > original / rope.low_freq_factor) {
      divisor = rope.factor;
    } else if (wavelength >= original / rope.high_freq_factor) {
      const double smooth = (original / wavelength - rope.low_freq_factor) /
                            (rope.high_freq_factor - rope.low_freq_factor);
      divisor = 1.0 / ((1.0 - smooth) / rope.factor + smooth);
    }
    factors.push_back(static_cast<float>(divisor));
  }
  return factors;
}

std::optional<RopeConfig> recognise_llama3(const RopeConfig& rope, std::span<const float> factors) {
  if (factors.empty()) return std::nullopt;
  RopeConfig candidate = rope;
  candidate.scaling = RopeScalingKind::kLlama3;
  candidate.frequency_factors.clear();
  // The lowest frequency is divided by the whole factor unless the head is very small.
  candidate.factor = static_cast<double>(*std::max_element(factors.begin(), factors.end()));
  std::vector<std::int64_t> lengths;
  if (rope.original_max_position > 0) lengths.push_back(rope.original_max_position);
  for (std::int64_t length = 8192; length >= 128; length /= 2) lengths.push_back(length);
  for (std::int64_t length = 16384; length <= 1048576; length *= 2) lengths.push_back(length);
  const auto try_rule = [&](std::int64_t length, double low, double high) {
    candidate.original_max_position = length;
    candidate.low_freq_factor = low;
    candidate.high_freq_factor = high;
    return fits(candidate, factors);
  };
  if (rope.original_max_position > 0 &&
      try_rule(rope.original_max_position, rope.low_freq_factor, rope.high_freq_factor)) {
    return candidate;
  }
  for (const std::int64_t length : lengths) {
    if (try_rule(length, 1.0, 4.0)) return candidate;
  }
  return std::nullopt;
}

double longrope_attention_factor(const RopeConfig& rope) {
  if (rope.factor <= 1.0) return 1.0;
  return std::sqrt(1.0 + std::log(rope.factor) /
                             std::log(static_cast<double>(rope.original_max_position)));
}

}  // namespace lathe
