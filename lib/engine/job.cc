#include "engine/job.h"

#include <algorithm>
#include <utility>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "base/seconds.h"

namespace lathe {
namespace {

// 0 where one of them was never reached.
double seconds(EngineClock::time_point from, EngineClock::time_point to) {
  return from == EngineClock::time_point() || to < from ? 0.0 : seconds_between(from, to);
}

void check_ids(std::span<const TokenId> ids, std::int64_t vocab) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocab) {
      fail_invalid("token {} is not in the vocabulary of {} tokens", id, vocab);
    }
  }
}

void check(const Request& request, const ModelConfig& config, std::int64_t context) {
  if (request.samples < 0 || request.timeout < 0.0) {
    fail(ErrorCode::kUsage, "a request cannot have {} samples and {} seconds", request.samples,
         request.timeout);
  }
  if (request.options.shorten) {
    fail(ErrorCode::kUsage, "an engine's answers end where the context does");
  }
  check_prompt(request.prompt.size(), context, config.max_position);
  check_ids(request.prompt, config.vocab_size);
  for (const std::vector<TokenId>& text : request.continuations) {
    if (text.empty()) fail_invalid("a continuation to score is empty");
    check_ids(text, config.vocab_size);
    if (std::cmp_greater(request.prompt.size() + text.size() - 1, context)) {
      fail(ErrorCode::kLimit,
           "the prompt and a continuation have {} tokens, but the context holds {}",
           request.prompt.size() + text.size(), context);
    }
  }
}

}  // namespace

std::unique_ptr<Job> make_job(RequestId id, Request request, const Tokenizer& tokenizer,
                              const ModelConfig& config, const JobLimits& limits) {
  check(request, config, limits.context);
  auto job = std::make_unique<Job>();
  job->id = id;
  job->request = std::move(request);
  const Request& r = job->request;
  const bool endless = r.options.max_tokens < 0;
  const std::int64_t context = endless ? std::min(limits.context, limits.capacity) : limits.context;
  const std::int64_t most = most_positions(*job, context);
  if (most > limits.capacity || std::cmp_greater(r.prompt.size(), context)) {
    fail(ErrorCode::kLimit,
         "the request may need {} positions, but the KV memory holds {}: ask for fewer tokens or "
         "give it more memory",
         std::max(most, job->prompt_size()), limits.capacity);
  }
  for (int sample = 0; sample < r.samples; ++sample) {
    GenerateOptions options = r.options;
    options.sampling.seed += static_cast<std::uint64_t>(sample);
    if (r.options.edit_logits) {
      options.edit_logits = [&r, sample](std::span<float> logits, ChoicePoint at) {
        at.sample = sample;
        r.options.edit_logits(logits, at);
      };
    }
    TextCallback on_text;
    if (r.on_text) {
      on_text = [&r, sample](std::string_view text) { return r.on_text(sample, text); };
    }
    job->states.push_back(std::make_unique<GenerationState>(
        tokenizer, config, context, r.prompt, std::move(options), std::move(on_text)));
  }
  job->drafts.resize(job->states.size());
  job->checks.resize(job->states.size());
  job->scores.resize(r.continuations.size());
  job->scored.resize(r.continuations.size());
  job->submitted = EngineClock::now();
  return job;
}

Completion complete(Job& job) {
  Completion out;
  out.id = job.id;
  out.prompt_tokens = job.prompt_size();
  out.cached_tokens = job.cached_tokens;
  out.preemptions = job.preemptions;
  out.error = std::move(job.error);
  for (const auto& state : job.states) out.samples.push_back(state->take());
  out.continuations = std::move(job.scores);
  for (ContinuationScore& score : out.continuations) {
    for (const double logprob : score.logprobs) score.total += logprob;
  }
  const EngineClock::time_point now = EngineClock::now();
  out.timings.queued = seconds(job.submitted, job.started ? job.admitted : now);
  out.timings.prefill = seconds(job.admitted, job.prompt_end);
  out.timings.first_token = seconds(job.submitted, job.first_token);
  out.timings.decode = seconds(job.first_token, job.last_token);
  out.timings.total = seconds(job.submitted, now);
  return out;
}

std::int64_t most_positions(const Job& job, std::int64_t context) noexcept {
  const std::int64_t prompt = job.prompt_size();
  const std::int64_t most = job.request.options.max_tokens;
  // The last token that is chosen needs no position.
  const std::int64_t answer =
      most < 0 ? context - prompt : std::min(std::max<std::int64_t>(0, most - 1), context - prompt);
  std::int64_t longest = job.request.samples == 0 ? 0 : answer;
  for (const std::vector<TokenId>& text : job.request.continuations) {
    longest = std::max(longest, static_cast<std::int64_t>(text.size()) - 1);
  }
  return prompt + longest;
}

}  // namespace lathe
