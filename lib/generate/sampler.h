// Choosing one token from the logits of a position: lathe/generate.h says what is computed,
// this says how.
//
// The steps keep the candidates in the order of their ids, as one list of (id, weight), and each
// filter finds its border by selection (select.h, or a partition of the list by weight), then
// drops what is behind it in one pass. Nothing sorts the vocabulary, and the draw's walk
// through the list has the same order everywhere.
//
// A Sampler belongs to one sequence and is used by one thread at a time. choose() allocates on
// its first call only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/generate.h"

#include "generate/pcg.h"
#include "generate/select.h"

namespace lathe {

struct WeightedToken {
  TokenId id = 0;
  std::uint64_t weight = 0;
};

// Bits s of the integer weights e^(x - max) · 2^s: the sum over the vocabulary stays below 2^62.
int weight_bits(std::int64_t vocab_size) noexcept;

// round(e^((x - max)/temperature) · 2^bits), 0 when x is NaN. Needs x ≤ max unless NaN.
std::uint64_t token_weight(float x, float max, double temperature, int bits) noexcept;

// ln Σ e^x[i] over the numbers in `logits`, whose largest is `max`.
double log_sum_exp(std::span<const float> logits, float max) noexcept;

class Sampler {
 public:
  // Throws kUsage for options out of their range.
  explicit Sampler(const SamplingOptions& options);

  // `history`: the prompt and what was generated so far, for the repeat penalty (ids out of the
  // vocabulary are ignored). Nothing when no logit is a number above -inf.
  std::optional<TokenId> choose(std::span<const float> logits, std::span<const TokenId> history);

 private:
  std::span<const float> penalise(std::span<const float> logits, std::span<const TokenId> history);
  void gather(std::span<const float> logits, float max);
  void keep_top_p();
  void keep_min_p();
  TokenId draw();

  SamplingOptions options_;
  Pcg32 generator_;
  int bits_ = 0;
  std::vector<float> penalised_;
  std::vector<char> seen_;  // one per token of the vocabulary
  std::vector<RankedLogit> ranked_;
  std::vector<WeightedToken> candidates_;  // by id
  std::vector<WeightedToken> scratch_;
};

}  // namespace lathe
