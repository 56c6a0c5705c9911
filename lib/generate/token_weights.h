// Probabilities as integers, whose sums have no order and no rounding of their own
// (lathe/sampler.h says which).
#pragma once

#include <cstdint>
#include <span>

namespace lathe {

// Bits s of the integer weights e^(x - max) · 2^s: the sum over the vocabulary stays below 2^62,
// and each weight below what a double holds exactly.
int weight_bits(std::int64_t vocab_size) noexcept;

// out[i] = e^((x[i] - max)/temperature) · 2^bits, rounded to the nearest; 0 where x[i] is NaN.
// max is the largest of x.
void token_weights(std::span<const float> x, float max, double temperature, int bits,
                   std::uint64_t* out) noexcept;

// ln Σ e^x[i] over the numbers in `logits`, whose largest is `max`, by these weights: the same bits
// everywhere.
double log_sum_exp(std::span<const float> logits, float max) noexcept;

}  // namespace lathe
