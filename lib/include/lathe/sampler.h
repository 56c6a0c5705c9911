// Choosing one token from the logits of a position.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

// How a token is chosen from the logits x[0..n). In this order:
//
//   repeat penalty  x[i] is divided by the penalty where positive, else multiplied by it, once
//                   for each id among the last `repeat_last` tokens, the prompt's included
//   temperature     x[i] / temperature; 0 is greedy: the largest x wins, at a tie the lowest
//                   id, and nothing below applies
//   top-k           the k largest x stay (at a tie, the lower ids)
//   top-p           of softmax over what is left, the smallest set of most probable tokens
//                   whose sum is at least p stays (at a tie, the lower ids)
//   min-p           of what is left, tokens at least min_p times as probable as the best stay
//   draw            one of what is left, with its probability
//
// Probabilities are integers e^(x[i] - max) · 2^s, rounded (s = 62 less the bits of the
// vocabulary's size, at most 50), so that sums have no order and no rounding of their own. A draw
// is 64 bits, two outputs of PCG-XSH-RR 64/32 (O'Neill 2014) seeded with `seed` and sequence 0,
// high half first; one draw per token, even where one token is left. The same logits and seed give
// the same choice on every machine. Logits that are infinite or NaN end
// a generation instead.
struct SamplingOptions {
  double temperature = 0.0;
  std::int64_t top_k = 0;         // 0: off
  double top_p = 1.0;             // 1: off
  double min_p = 0.0;             // 0: off
  double repeat_penalty = 1.0;    // 1: off (Keskar et al. 2019)
  std::int64_t repeat_last = 64;  // -1: the whole context
  std::uint64_t seed = 0;
};

// Throws kUsage, naming the field and its range, unless every field is in it.
LATHE_API void validate(const SamplingOptions& options);

// For those who drive a session by themselves; generate() and Engine have their own. Belongs to one
// sequence, and to one thread at a time.
class LATHE_API Sampler {
 public:
  // Throws kUsage for options out of their range.
  explicit Sampler(const SamplingOptions& options);
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  // `history`: the prompt and what was generated so far, for the repeat penalty (ids out of the
  // vocabulary are ignored). Nothing when no logit is a number above -infinity. Allocates on its
  // first calls only.
  std::optional<TokenId> choose(std::span<const float> logits, std::span<const TokenId> history);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
