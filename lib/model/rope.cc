#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/portable_math.h"

namespace lathe {
namespace {

constexpr double kPi = 0x1.921fb54442d18p+1;

// theta^(2i / dims), i < dims / 2, each step rounded to float.
std::vector<float> wave_factors(double theta, std::int64_t dims) {
  std::vector<float> out(static_cast<std::size_t>(dims / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dims);
    out[i] = static_cast<float>(portable_pow(theta, static_cast<double>(exponent)));
  }
  return out;
}

// Llama 3.1: a wavelength above original / low_freq_factor is stretched, one below
// original / high_freq_factor is kept.
float llama3_frequency(float frequency, const RopeConfig& config) {
  const auto factor = static_cast<float>(config.factor);
  const auto original = static_cast<double>(config.original_max_position);
  const auto longest = static_cast<float>(original / config.low_freq_factor);
  const auto shortest = static_cast<float>(original / config.high_freq_factor);
  const float wavelength = static_cast<float>(2.0 * kPi) / frequency;
  if (wavelength > longest) return frequency / factor;
  if (wavelength < shortest) return frequency;
  const float smooth =
      (static_cast<float>(original) / wavelength - static_cast<float>(config.low_freq_factor)) /
      static_cast<float>(config.high_freq_factor - config.low_freq_factor);
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

// The dimension whose pair makes `rotations` turns over the original context.
double yarn_dimension(double rotations, const RopeConfig& config, std::int64_t dims) {
  const auto original = static_cast<double>(config.original_max_position);
  return static_cast<double>(dims) * portable_log(original / (rotations * 2.0 * kPi)) /
         (2.0 * portable_log(config.theta));
}

struct Ramp {
  double low;
  double high;
};

Ramp yarn_ramp(const RopeConfig& config, std::int64_t dims) {
  double low = yarn_dimension(config.beta_fast, config, dims);
  double high = yarn_dimension(config.beta_slow, config, dims);
  if (config.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dims - 1));
  if (low == high) high += 0.001;  // a step rather than a division by zero
  return {low, high};
}

// What cosines and sines are multiplied by.
float factor_of_turns(const RopeConfig& config) {
  const bool longrope = config.scaling == RopeScalingKind::kLongRope;
  if (!longrope && config.scaling != RopeScalingKind::kYarn) return 1.0F;
  if (config.attention_factor != 0.0) return static_cast<float>(config.attention_factor);
  if (config.factor <= 1.0) return 1.0F;
  const double log = portable_log(config.factor);
  if (!longrope) return static_cast<float>(0.1 * log + 1.0);
  const auto original = static_cast<double>(config.original_max_position);
  return static_cast<float>(std::sqrt(1.0 + log / portable_log(original)));
}

const std::vector<float>& divisors(const RopeConfig& config) {
  const bool is_long = config.scaling == RopeScalingKind::kLongRope && config.factor > 1.0;
  return is_long ? config.long_factors : config.frequency_factors;
}

}  // namespace

Rope::Rope(const RopeConfig& config, std::int64_t dims) {
  frequencies_ = wave_factors(config.theta, dims);
  const auto factor = static_cast<float>(config.factor);
  const Ramp ramp = config.scaling == RopeScalingKind::kYarn ? yarn_ramp(config, dims) : Ramp{};
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float wave = frequencies_[i];
    float frequency = 1.0F / wave;
    switch (config.scaling) {
      case RopeScalingKind::kNone:
      case RopeScalingKind::kLongRope:
        break;
      case RopeScalingKind::kLinear:
        frequency /= factor;
        break;
      case RopeScalingKind::kLlama3:
        frequency = llama3_frequency(frequency, config);
        break;
      case RopeScalingKind::kYarn: {
        const float place = (static_cast<float>(i) - static_cast<float>(ramp.low)) /
                            static_cast<float>(ramp.high - ramp.low);
        const float keep = 1.0F - std::clamp(place, 0.0F, 1.0F);
        frequency = 1.0F / (factor * wave) * (1.0F - keep) + frequency * keep;
        break;
      }
    }
    if (i < divisors(config).size()) frequency /= divisors(config)[i];
    frequencies_[i] = frequency;
  }
  attention_factor_ = factor_of_turns(config);
}

void Rope::angles(std::int64_t position, float* cosines, float* sines) const noexcept {
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float angle = static_cast<float>(position) * frequencies_[i];
    const SinCos turned = portable_sincos(static_cast<double>(angle));
    cosines[i] = static_cast<float>(turned.cosine) * attention_factor_;
    sines[i] = static_cast<float>(turned.sine) * attention_factor_;
  }
}

}  // namespace lathe
