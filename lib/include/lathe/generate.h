// From a prompt to text: sampling and the decode loop.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/model.h"
#include "lathe/tokenizer.h"

namespace lathe {

// Filters apply in this order: repeat penalty, temperature, top-k, top-p, min-p; then one
// draw. temperature 0 is greedy (the lowest id wins a tie), and the rest is ignored but for
// the penalty. The generator is PCG-XSH-RR 64/32 (O'Neill 2014) seeded with `seed`, one draw
// per token, so a seed gives the same choice on every machine for the same logits.
struct SamplingOptions {
  double temperature = 0.0;
  std::int64_t top_k = 0;       // 0: off
  double top_p = 1.0;           // 1: off
  double min_p = 0.0;           // 0: off
  double repeat_penalty = 1.0;  // 1: off (Keskar et al. 2019)
  std::int64_t repeat_last = 64;
  std::uint64_t seed = 0;
};

struct TokenLogprob {
  TokenId id = 0;
  double logprob = 0.0;  // natural logarithm, of the model's own distribution (before filters)
};

struct GenerateOptions {
  SamplingOptions sampling;
  std::int64_t max_tokens = 128;  // -1: until the context is full
  std::vector<std::string> stop;  // texts that end the answer; they are not part of it
  bool ignore_eos = false;
  int logprobs = 0;  // alternatives to report per token
};

enum class FinishReason { kStop, kLength, kContext };

struct GeneratedToken {
  TokenId id = 0;
  double logprob = 0.0;
  std::vector<TokenLogprob> top;
};

struct GenerateTimings {  // seconds
  double prefill = 0.0;
  double first_token = 0.0;  // from the call to the first token (TTFT without load)
  double decode = 0.0;       // from the first token to the last
};

struct Generation {
  std::string text;
  std::vector<TokenId> ids;
  std::vector<GeneratedToken> tokens;  // filled when logprobs > 0
  FinishReason reason = FinishReason::kLength;
  std::string stop_text;  // the stop string that was met, if any
  std::int64_t prompt_tokens = 0;
  GenerateTimings timings;
};

// `on_text` receives text as it becomes certain (whole characters; nothing that could be the
// beginning of a stop string); return false to stop. May be empty.
using TextCallback = std::function<bool(std::string_view)>;

// Runs one prompt to its end in a fresh sequence of `session`. Throws kLimit when the prompt
// is longer than the context, with both numbers.
LATHE_API Generation generate(Session& session, const Tokenizer& tokenizer,
                              std::span<const TokenId> prompt, const GenerateOptions& options,
                              const TextCallback& on_text = {});

}  // namespace lathe
