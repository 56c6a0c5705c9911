#include "generate/token_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/exp_nonpositive.h"
#include "base/portable_math.h"

namespace lathe {

int weight_bits(std::int64_t vocab_size) noexcept {
  return std::min(50,
                  62 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(vocab_size))));
}

void token_weights(std::span<const float> x, float max, double temperature, int bits,
                   std::uint64_t* out) noexcept {
  if (std::isinf(max)) {  // ∞ - ∞ would be no number
    for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] == max ? std::uint64_t{1} << bits : 0;
    return;
  }
  // 1e-300 keeps the quotient finite; what differs at all is then out of the draw anyway.
  const double scale = 1.0 / std::max(temperature, 1e-300);
  const double unit = static_cast<double>(std::uint64_t{1} << bits);
  // Adding 2^52 rounds to a whole number in the low bits: bits ≤ 50.
  constexpr double kRound = 0x1p52;
  const float* values = x.data();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = exp_nonpositive((static_cast<double>(values[i]) - max) * scale);
    out[i] = std::bit_cast<std::uint64_t>(e * unit + kRound) - std::bit_cast<std::uint64_t>(kRound);
  }
}

double log_sum_exp(std::span<const float> logits, float max) noexcept {
  constexpr std::size_t kBlock = 512;
  std::uint64_t weights[kBlock];
  const int bits = weight_bits(static_cast<std::int64_t>(logits.size()));
  std::uint64_t sum = 0;
  for (std::size_t first = 0; first < logits.size(); first += kBlock) {
    const std::size_t n = std::min(kBlock, logits.size() - first);
    token_weights(logits.subspan(first, n), max, 1.0, bits, weights);
    sum = std::accumulate(weights, weights + n, sum);
  }
  const double ratio = static_cast<double>(sum) / static_cast<double>(std::uint64_t{1} << bits);
  return max + portable_log(ratio);
}

}  // namespace lathe
