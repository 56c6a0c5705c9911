// From a prompt to text: sampling and the decode loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/export.h"
#include "lathe/sampler.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct AnswerCheck;       // lathe/answer_check.h
struct AnswerConstraint;  // lathe/constraint.h
struct CheckReport;       // lathe/answer_check.h
struct ReasoningMarks;    // lathe/reasoning.h
class Speculator;         // lathe/speculation.h

struct TokenLogprob {
  TokenId id = 0;
  double logprob = 0.0;  // natural logarithm, of the model's own distribution (before filters)
};

// Where a token is about to be chosen.
struct ChoicePoint {
  std::span<const TokenId> tokens;  // the prompt and the answer so far
  std::int64_t prompt_tokens = 0;
  int sample = 0;  // which of an engine's answers to one prompt
};

// Sees the logits of a step, one per token of the vocabulary, and may change them: -infinity
// forbids a token. Where none is left the answer ends with kInvalid; an Error that the hook throws
// ends it too. Called once for each token, by the thread that called generate(), or step() of an
// engine.
using LogitsHook = std::function<void(std::span<float> logits, const ChoicePoint& at)>;

// Where a text has outgrown a context of `context` positions: what is read in its place, from the
// beginning on, no longer than that. Its last `answer` tokens are the answer's so far. Nothing: the
// answer ends there.
using TextShortener = std::function<std::vector<TokenId>(
    std::span<const TokenId> text, std::int64_t answer, std::int64_t context)>;

// The first `kept` tokens, and of the others the newest, so many as fill half of the places that
// are left: (context - kept) / 2, rounded down. Nothing when `kept` leaves no place for two.
LATHE_API std::vector<TokenId> keep_ends(std::span<const TokenId> text, std::int64_t kept,
                                         std::int64_t context);

struct GenerateOptions {
  SamplingOptions sampling;
  std::int64_t max_tokens = 128;    // -1: until the context is full
  std::vector<std::string> stop;    // texts that end the answer; they are not part of it
  std::vector<TokenId> end_tokens;  // ids that end the answer, besides the model's own
  bool ignore_eos = false;          // neither the model's end tokens nor end_tokens end it
  int logprobs = 0;                 // alternatives to report per token
  // At temperature 0: end an answer whose last so many tokens repeat a run of a third; 0 is never.
  std::int64_t loop_tokens = 0;
  std::shared_ptr<const ReasoningMarks> reasoning = {};  // reasoning goes there, not into the text
  // Before `sampling`; log-probabilities stay those of the model. May be empty.
  LogitsHook edit_logits = {};
  // What may be written. An answer that can't go on ends with kStop.
  std::shared_ptr<const AnswerConstraint> constraint = {};
  // Who judges it while it is written.
  std::shared_ptr<const AnswerCheck> check = {};
  // Asked when the context is full, and of a prompt that has no place in it. What it leaves is
  // computed as a text that has just come, so the next token is that of this text, bit for bit;
  // only the sampler goes on drawing where it was. Empty: answers end with kContext. Not with a
  // check, nor in an engine.
  TextShortener shorten = {};
};

// kStop: an end token or a stop text; kLength: max_tokens; kContext: the context is full;
// kCancelled: the callback returned false; kLoop: loop_tokens.
enum class FinishReason { kStop, kLength, kContext, kCancelled, kLoop };

// "stop", "length", "context", "cancelled", "loop".
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
  std::string text, reasoning;
  // Every token that was generated but the end token. Where a stop text ended the answer, its
  // tokens are here though not in `text`.
  std::vector<TokenId> ids;
  std::vector<GeneratedToken> tokens;  // one per id, filled when logprobs > 0
  FinishReason reason = FinishReason::kLength;
  std::string stop_text;                     // the stop string that was met, if any
  TokenId end_token = -1;                    // the end token that was met, if any
  std::shared_ptr<const CheckReport> check;  // null: nobody judged it
  std::int64_t prompt_tokens = 0;
  // Tokens that the constraint let foresee, computed beside others; and whether the text is all
  // that the constraint asks for: false where it was cut.
  std::int64_t foreseen = 0;
  std::int64_t shortened = 0;  // times that GenerateOptions::shorten was followed
  bool complete = true;
  GenerateTimings timings;
};

// Throws unless a prompt of so many tokens has a place in a context of `context` positions: kLimit,
// with both numbers, and kInvalid when it is empty. `longest`: the context that the model has, for
// the advice.
LATHE_API void check_prompt(std::size_t tokens, std::int64_t context, std::int64_t longest);

// `on_text` receives text as it becomes certain (whole characters; nothing that could be the
// beginning of a stop string, nor be taken back); return false to stop. May be empty.
using TextCallback = std::function<bool(std::string_view)>;

// Runs one prompt to its end in a fresh sequence of `session`, with drafts when there is a
// speculator. Throws as check_prompt(); kInvalid
// when the model's logits are not numbers; kUsage for options out of their range.
LATHE_API Generation generate(Session& session, const Tokenizer& tokenizer,
                              std::span<const TokenId> prompt, const GenerateOptions& options,
                              const TextCallback& on_text = {}, Speculator* speculator = nullptr);

// Makes the end of the assistant's turn end the answer: EOS and marks that are tokens go to
// end_tokens, other marks to stop.
LATHE_API void end_at_turn(const ChatTemplate& chat, const Tokenizer& tokenizer,
                           GenerateOptions& options);

}  // namespace lathe
