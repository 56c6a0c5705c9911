// From a prompt to text: sampling and the decode loop.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/export.h"
#include "lathe/model.h"
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
// the same choice on every machine. Logits that are infinite or NaN end the run instead.
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

struct TokenLogprob {
  TokenId id = 0;
  double logprob = 0.0;  // natural logarithm, of the model's own distribution (before filters)
};

struct GenerateOptions {
  SamplingOptions sampling;
  std::int64_t max_tokens = 128;    // -1: until the context is full
  std::vector<std::string> stop;    // texts that end the answer; they are not part of it
  std::vector<TokenId> end_tokens;  // ids that end the answer, besides the model's own
  bool ignore_eos = false;          // neither the model's end tokens nor end_tokens end it
  int logprobs = 0;                 // alternatives to report per token
};

// kStop: an end token or a stop text; kLength: max_tokens; kContext: the context is full;
// kCancelled: the callback returned false.
enum class FinishReason { kStop, kLength, kContext, kCancelled };

// "stop", "length", "context", "cancelled".
LATHE_API const char* to_string(FinishReason reason) noexcept;

struct GeneratedToken {
  TokenId id = 0;
  double logprob = 0.0;
  std::vector<TokenLogprob> top;  // most probable first
};

struct GenerateTimings {  // seconds
  double prefill = 0.0;
  double first_token = 0.0;  // from the call to the first token (TTFT without load)
  double decode = 0.0;       // from the first token to the last
};

struct Generation {
  std::string text;
  // Every token that was generated but the end token. Where a stop text ended the answer, its
  // tokens are here though not in `text`.
  std::vector<TokenId> ids;
  std::vector<GeneratedToken> tokens;  // one per id, filled when logprobs > 0
  FinishReason reason = FinishReason::kLength;
  std::string stop_text;   // the stop string that was met, if any
  TokenId end_token = -1;  // the end token that was met, if any
  std::int64_t prompt_tokens = 0;
  GenerateTimings timings;
};

// `on_text` receives text as it becomes certain (whole characters; nothing that could be the
// beginning of a stop string); return false to stop. May be empty.
using TextCallback = std::function<bool(std::string_view)>;

// Runs one prompt to its end in a fresh sequence of `session`. Throws kLimit when the prompt
// is longer than the context, with both numbers; kInvalid when it is empty, or when the
// model's logits are infinite or NaN; kUsage for options out of their range.
LATHE_API Generation generate(Session& session, const Tokenizer& tokenizer,
                              std::span<const TokenId> prompt, const GenerateOptions& options,
                              const TextCallback& on_text = {});

// Makes the end of the assistant's turn end the answer: EOS and marks that are tokens go to
// end_tokens, other marks to stop.
LATHE_API void end_at_turn(const ChatTemplate& chat, const Tokenizer& tokenizer,
                           GenerateOptions& options);

}  // namespace lathe
