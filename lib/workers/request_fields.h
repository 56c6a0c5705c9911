// Requests and their answers as fields of messages.
//
// Each record is taken apart whole: a new member does not compile before it is decided here how it
// travels.
#pragma once

#include <memory>

#include "lathe/constraint.h"
#include "lathe/engine.h"
#include "lathe/reasoning.h"

#include "workers/fields.h"

namespace lathe {

// A request without what is bound to this process; what a worker makes of it is in
// request_message.h.
struct SentRequest {
  Request request;
  bool reasons = false;
  ReasoningMarks reasoning;  // where it does
  bool constrained = false;
  GrammarText grammar;  // and the rest of its constraint, where it is
  bool finish = false, thinks_freely = false;
  ReasoningMarks free_reasoning;
};

// `T` or `const T`.
template <typename S, typename T>
concept Some = std::same_as<std::remove_const_t<S>, T>;

template <typename A, Some<SamplingOptions> S>
void fields(A& a, S& s) {
  auto& [temperature, top_k, top_p, min_p, repeat_penalty, repeat_last, seed] = s;
  a(temperature, top_k, top_p, min_p, repeat_penalty, repeat_last, seed);
}

template <typename A, Some<ReasoningMarks> S>
void fields(A& a, S& s) {
  auto& [begin, end, dropped, open, answer, on_text] = s;
  static_cast<void>(on_text);  // its owner's
  a(begin, end, dropped, open, answer);
}

template <typename A, Some<GrammarText> S>
void fields(A& a, S& s) {
  auto& [kind, text, texts, lenient] = s;
  a.choice(kind, GrammarText::Kind::kJsonSchema);
  a(text, texts, lenient);
}

template <typename A, Some<GenerateOptions> S>
void fields(A& a, S& s) {
  auto& [sampling, max_tokens, stop, end_tokens, ignore_eos, logprobs, loop_tokens, reasoning,
         edit_logits, constraint, check, shorten] = s;
  // Beside it (SentRequest), or refused (send_request).
  static_cast<void>(std::tie(reasoning, edit_logits, constraint, check, shorten));
  a(sampling, max_tokens, stop, end_tokens, ignore_eos, logprobs, loop_tokens);
}

template <typename A, Some<Request> S>
void fields(A& a, S& s) {
  auto& [prompt, options, samples, continuations, on_logits, timeout, on_text, beginning,
         on_beginning, beginning_part] = s;
  // The row says what of them there is (message.h).
  static_cast<void>(std::tie(on_logits, on_text, beginning, on_beginning));
  a(prompt, options, samples, continuations, timeout, beginning_part);
}

template <typename A, Some<SentRequest> S>
void fields(A& a, S& s) {
  auto& [request, reasons, reasoning, constrained, grammar, finish, thinks_freely, free_reasoning] =
      s;
  a(request, reasons, reasoning, constrained, grammar, finish, thinks_freely, free_reasoning);
}

template <typename A, Some<TokenLogprob> S>
void fields(A& a, S& s) {
  auto& [id, logprob] = s;
  a(id, logprob);
}

template <typename A, Some<GeneratedToken> S>
void fields(A& a, S& s) {
  auto& [id, logprob, top] = s;
  a(id, logprob, top);
}

template <typename A, Some<GenerateTimings> S>
void fields(A& a, S& s) {
  auto& [prefill, first_token, decode] = s;
  a(prefill, first_token, decode);
}

template <typename A, Some<Generation> S>
void fields(A& a, S& s) {
  auto& [text, reasoning, ids, tokens, reason, stop_text, end_token, check, prompt_tokens, foreseen,
         shortened, complete, timings] = s;
  // Nobody judges what is sent, and no engine shortens.
  static_cast<void>(std::tie(check, shortened));
  a(text, reasoning, ids, tokens);
  a.choice(reason, FinishReason::kLoop);
  a(stop_text, end_token, prompt_tokens, foreseen, complete, timings);
}

template <typename A, Some<ContinuationScore> S>
void fields(A& a, S& s) {
  auto& [logprobs, total, greedy] = s;
  a(logprobs, total, greedy);
}

template <typename A, Some<CompletionTimings> S>
void fields(A& a, S& s) {
  auto& [queued, prefill, first_token, decode, total] = s;
  a(queued, prefill, first_token, decode, total);
}

template <typename A, Some<Failure> S>
void fields(A& a, S& s) {
  auto& [code, message] = s;
  a.choice(code, ErrorCode::kBug);
  a(message);
}

template <typename A, Some<Completion> S>
void fields(A& a, S& s) {
  auto& [id, samples, continuations, prompt_tokens, cached_tokens, preemptions, timings, error] = s;
  a(id, samples, continuations, prompt_tokens, cached_tokens, preemptions, timings, error);
}

}  // namespace lathe
