// The Engine: which sequences run, what each step computes, and who gives way.
//
// One step: what has timed out ends; waiting lanes take free places, oldest first; answers that
// somebody judges are settled where he has (scheduler_checks.cc); the inputs
// are one token of every lane that decodes and pieces of those that fill up; one forward pass;
// each lane whose input was complete gets its row of logits (scheduler.cc). Errors of one
// request end that request only.
//
// Memory (scheduler_memory.cc) is pages of the session. A lane starts when its tokens and what
// it is likely to add fit beside what those that run are likely to add, and it starts from the
// longest beginning that is at hand: kept ones, those of running lanes, and (page_cache.h) on
// disk. Where a running lane is about to compute more of what it shares, it waits for that.
// When pages run out, kept beginnings shrink first, then the youngest lane is put back.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lathe/engine.h"

#include "engine/job.h"
#include "engine/page_cache.h"
#include "engine/prefix_store.h"
#include "engine/spill_file.h"
#include "engine/step_pace.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Scheduler final : public Engine {
 public:
  // The session's max_pages is what there is to share out.
  Scheduler(std::unique_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
            EngineOptions options);
  ~Scheduler() override;

  RequestId submit(Request request) override;
  std::vector<Completion> step() override;
  bool cancel(RequestId id) override;
  bool idle() const noexcept override;
  EngineStats stats() const noexcept override;
  std::int64_t context() const noexcept override { return context_; }
  const Model& model() const noexcept override { return session_->model(); }
  int threads() const noexcept override { return session_->threads(); }

 private:
  // A lane's part of the present step.
  struct Part {
    std::size_t lane = 0;  // in running_
    std::int64_t count = 0;
    bool complete = false;  // nothing is pending after it
    bool scores = false;    // all its rows are scored
    std::size_t row = 0;    // first row of logits
    std::size_t rows = 1;
    bool chosen = false;              // its token, by choose_side_by_side()
    std::vector<TokenId> ahead = {};  // drafted because a constraint leaves nothing else, or
    SequenceDraft* draft = nullptr;   // copied
    std::span<const TokenId> behind() const noexcept {
      return draft != nullptr ? draft->tokens() : std::span<const TokenId>(ahead);
    }
  };

  void expire();

  // Memory.
  enum class Start { kStarted, kLater, kNoMemory };
  struct Source {
    SequenceId sequence = -1;
    std::int64_t length = 0;
    Lane* lane = nullptr;     // when a running lane has it
    std::int64_t coming = 0;  // that a running lane is about to compute
  };
  void admit();
  Start start(Lane& lane, std::int64_t committed);
  Source find_source(const Lane& lane) noexcept;
  void open(Lane& lane, const Source& source);
  // Whether its request brings more of its text than is at hand.
  bool brings_more(const Lane& lane, const Source& source) const noexcept;
  // Gives up what is kept until a lane has room beside what others will want; false: it must wait.
  bool has_room(const Lane& lane, std::int64_t committed);
  void load_pages(Lane& lane);
  bool unspill(Lane& lane);
  void release_spill(Lane& lane);
  void keep_or_drop(Lane& lane);
  void make_room();
  void preempt(Lane& lane);
  Lane& youngest();
  std::int64_t running_lanes() const noexcept;
  std::int64_t pages_for(std::int64_t positions) const noexcept {
    return (positions + page_tokens_ - 1) / page_tokens_;
  }
  std::int64_t free_pages() const noexcept;
  // Pages that a lane is likely to take until it ends.
  std::int64_t likely_growth(const Lane& lane) const noexcept;
  void warn(const std::string& message) const;

  // Steps.
  // Has answers judged that wait for it, and takes the verdicts that are there; false: nothing can
  // be computed before more of them are.
  bool judge();
  void take_verdicts();
  void settle(Lane& lane, CheckVerdict verdict, double seconds);
  void plan();
  // Tokens of prompts that this step computes at most.
  std::int64_t prefill_room() const noexcept;
  // Lengthens the parts by what is drafted, where all decode.
  void draft();
  // Finds what is drafted for each part, as much as there is memory for; whether there is anything.
  bool follow_drafts();
  void compute();
  void note_pace(double seconds);
  void deliver(std::span<const float> logits);
  // For work on so many rows of logits; null where a thread alone is done sooner.
  ThreadPool* pool_for(std::size_t rows);
  // Lets all threads do what takes longer than looking for the largest.
  void choose_side_by_side(std::span<const float> logits);
  // No logits: the token is chosen.
  void choose_token(Lane& lane, std::span<const float> logits);
  // The same, and what was drafted behind it as far as it holds.
  void choose_drafted(Lane& lane, const Part& part, std::span<const float> logits);
  // Lets others copy from what a job has.
  void offer(const Job& job);
  // Gives away what is new of a prompt's keys and values, where somebody wants them.
  void give_beginning(const Lane& lane, bool complete);
  // Begins the answers and continuations that follow a prompt.
  void end_prompt(Lane& lane, std::span<const float> logits);
  void branch(Lane& from, Lane::Kind kind, std::size_t index);
  // Scores the next tokens of a continuation, one per row of logits.
  void score(Job& job, std::size_t index, std::span<const float> logits);
  void note_token(Job& job);

  // Puts a lane behind all older ones that wait.
  void wait(Lane lane);
  // The lane is done, well or not: its memory goes, and with the last lane the job ends.
  void retire(Lane& lane);
  // Ends a request that is not done. cancel() gives no error.
  void end_job(Job& job, std::optional<Failure> error);
  void finish(Job& job);

  std::unique_ptr<Session> session_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  EngineOptions options_;
  SessionPages kv_;
  std::int64_t page_tokens_;
  std::uint64_t page_bytes_;
  std::int64_t context_;
  std::string beginning_kind_;
  PrefixStore store_;
  std::unique_ptr<SpillFile> spill_;
  std::unique_ptr<PageCache> pages_;
  std::unique_ptr<ThreadPool> pool_;  // once it is of use
  std::unique_ptr<CheckRunner> checks_;
  RequestId next_id_ = 1;
  std::unordered_map<RequestId, std::unique_ptr<Job>> jobs_;
  std::deque<Lane> waiting_;   // oldest first
  std::vector<Lane> running_;  // retired ones have no job, and go when the step ends
  std::vector<Lane> born_;     // that run from the next step on
  std::vector<Completion> done_;
  std::vector<Part> parts_;
  std::vector<SequenceInput> inputs_;
  std::vector<std::vector<TokenId>> drafted_;  // tokens of inputs_, where drafts are behind them
  double likely_answer_ = 128.0;               // tokens, a running mean
  StepPace pace_;
  EngineStats stats_;
};

}  // namespace lathe
