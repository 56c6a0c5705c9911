// ln Σ e^logits, and what perplexity and KL divergence need of it. In double: a vocabulary
// has 10^5 terms and differences of 10^-6 between models are what is being measured.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace lathe {

// By the C library's exp and log; generate/token_weights.h has one of the same bits everywhere.
inline double libm_log_sum_exp(std::span<const float> logits) noexcept {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float x : logits) sum += std::exp(x - max);
  return max + std::log(sum);
}

inline std::size_t argmax(std::span<const float> logits) noexcept {
  return static_cast<std::size_t>(
      std::distance(logits.begin(), std::max_element(logits.begin(), logits.end())));
}

// D(base ‖ model) in nats; the log-sum-exps of both are given. Rounding may leave a tiny
// negative sum where the two are equal: that is 0.
inline double kl_divergence(std::span<const float> base, double base_lse,
                            std::span<const float> model, double model_lse) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    const double log_p = base[i] - base_lse;
    sum += std::exp(log_p) * (log_p - (model[i] - model_lse));
  }
  return std::max(sum, 0.0);
}

}  // namespace lathe
