// A request on its way through the engine, and the sequences that work for it.
//
//   kPrompt  computes the prompt; at its end it becomes sample 0 (or is given up)
//   kSample  one answer: the prompt and what was generated so far
//   kScore   one continuation to score: the prompt and the continuation but for its last token
//
// A lane that waits or was preempted has no sequence; what it must hold is always known from
// tokens(), so that it can be computed again from there. Used by one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/engine.h"

#include "engine/check_runner.h"
#include "engine/spill_file.h"
#include "generate/decode.h"
#include "speculate/speculator.h"

namespace lathe {

using EngineClock = std::chrono::steady_clock;

struct Job {
  RequestId id = 0;
  Request request;
  std::vector<std::unique_ptr<GenerationState>> states;  // one per sample
  std::vector<std::unique_ptr<SequenceDraft>> drafts;    // theirs, once they draft
  std::vector<std::optional<CheckRunner::Question>>
      checks;                                // theirs, where they wait for a verdict
  std::vector<std::vector<TokenId>> scored;  // prompt and continuation but its last
  std::vector<ContinuationScore> scores;
  std::int64_t lanes = 0;  // that wait or run; the job ends with the last
  bool started = false;    // has run
  bool prompt_done = false;
  std::int64_t cached_tokens = 0;
  std::int64_t preemptions = 0;
  std::int64_t given = 0;  // tokens of the prompt whose keys and values were given away
  std::optional<Failure> error;
  EngineClock::time_point submitted, admitted, prompt_end, first_token, last_token;

  std::int64_t prompt_size() const noexcept {
    return static_cast<std::int64_t>(request.prompt.size());
  }
};

struct Lane {
  enum class Kind { kPrompt, kSample, kScore };

  Job* job = nullptr;
  Kind kind = Kind::kPrompt;
  std::size_t index = 0;                 // of the sample or the continuation
  SequenceId sequence = -1;              // -1: has none
  std::int64_t computed = 0;             // positions in the sequence
  std::int64_t reached = 0;              // positions that it had before it was preempted
  bool shares_tail = false;              // its last page may have to be copied before it grows
  std::optional<SpillRun> spilled = {};  // the `reached` positions are in the spill file

  // What the sequence must hold before the next token can be chosen.
  std::span<const TokenId> tokens() const noexcept {
    switch (kind) {
      case Kind::kPrompt:
        break;
      case Kind::kSample:
        return job->states[index]->history();
      case Kind::kScore:
        return job->scored[index];
    }
    return job->request.prompt;
  }
  std::int64_t pending() const noexcept {
    return static_cast<std::int64_t>(tokens().size()) - computed;
  }
  // Positions that may come from elsewhere: at least one token must be computed for its logits,
  // and those of a continuation's tokens that have no score yet.
  std::int64_t most_shared() const noexcept {
    if (kind != Kind::kScore) return static_cast<std::int64_t>(tokens().size()) - 1;
    return first_scored();
  }
  // kScore: the first position whose logits are wanted.
  std::int64_t first_scored() const noexcept {
    return job->prompt_size() - 1 + static_cast<std::int64_t>(job->scores[index].logprobs.size());
  }
  // One token behind: it decodes. All others are filling up.
  bool decodes() const noexcept { return kind == Kind::kSample && pending() == 1; }
  // Nothing is computed for it now.
  bool rests() const noexcept { return kind == Kind::kSample && job->states[index]->waits(); }
};

// Earlier requests first, and of one request the earlier lanes.
inline bool older(const Lane& a, const Lane& b) noexcept {
  return a.job->id != b.job->id ? a.job->id < b.job->id : a.index < b.index;
}

// Where a request must fit.
struct JobLimits {
  std::int64_t context = 0;   // positions of one sequence
  std::int64_t capacity = 0;  // positions of the KV memory
};

// Checks a request and makes its states. Throws kInvalid, kUsage, and kLimit where a sequence
// would pass the limits. An answer without a limit of its own ends where the memory does.
std::unique_ptr<Job> make_job(RequestId id, Request request, const Tokenizer& tokenizer,
                              const ModelConfig& config, const JobLimits& limits);

// What the caller gets. The job is spent.
Completion complete(Job& job);

// Positions that one sequence of the job may come to hold.
std::int64_t most_positions(const Job& job, std::int64_t context) noexcept;

}  // namespace lathe
