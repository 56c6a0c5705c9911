// Choosing one token from the logits of a position: lathe/generate.h says what is computed,
// this says how.
//
// The candidates stay in the order of their ids, each with an integer weight; a filter sets the
// weights of what it drops to 0. Borders are found by selection: top-k by select.h, top-p by a
// histogram of the weights' sizes and a partition of the one bucket where the border lies.
// Nothing sorts the vocabulary, and the draw's walk has the same order everywhere.
//
// A Sampler belongs to one sequence and is used by one thread at a time. choose() allocates on
// its first calls only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/generate.h"

#include "base/pcg.h"
#include "generate/select.h"

namespace lathe {

// Bits s of the integer weights e^(x - max) · 2^s: the sum over the vocabulary stays below 2^62,
// and each weight below what a double holds exactly.
int weight_bits(std::int64_t vocab_size) noexcept;

// out[i] = e^((x[i] - max)/temperature) · 2^bits, rounded to the nearest; 0 where x[i] is NaN.
// max is the largest of x.
void token_weights(std::span<const float> x, float max, double temperature, int bits,
                   std::uint64_t* out) noexcept;

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
  void weigh(std::span<const float> logits, float max);
  void keep_top_p();
  void keep_min_p();
  TokenId draw();

  SamplingOptions options_;
  Pcg32 generator_;
  int bits_ = 0;
  std::vector<float> penalised_;
  std::vector<char> seen_;  // one per token of the vocabulary
  std::vector<RankedLogit> ranked_;
  std::vector<float> kept_;             // logits that top-k keeps
  std::vector<std::uint64_t> weights_;  // of the candidates, by id
  std::vector<TokenId> ids_;            // theirs; empty: candidate i is token i
  struct Candidate {
    std::uint64_t weight;
    std::size_t index;
  };
  std::vector<Candidate> bucket_;
};

}  // namespace lathe
