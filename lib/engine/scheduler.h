// The Engine: which sequences run, what each step computes, and who gives way.
//
// One step: what has timed out ends; waiting lanes take free places, oldest first; the inputs
// are one token of every lane that decodes and pieces of those that fill up; one forward pass;
// each lane whose input was complete gets its row of logits. Errors of one request end that
// request only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lathe/engine.h"

#include "engine/job.h"

namespace lathe {

class Scheduler final : public Engine {
 public:
  // `session` holds at most `max_positions` positions over all its sequences.
  Scheduler(std::unique_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
            EngineOptions options, std::int64_t max_positions);
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
    std::size_t lane;  // in running_
    std::int64_t count;
    bool complete;        // the lane's next token can be chosen, or its text scored
    std::size_t row = 0;  // first row of logits
    std::size_t rows = 1;
  };

  void expire();
  void admit();
  void plan();
  void compute();
  void deliver(std::span<const float> logits);
  void choose_token(Lane& lane, std::span<const float> logits);
  // Begins the answers and continuations that follow a prompt.
  void end_prompt(Lane& lane, std::span<const float> logits);
  void branch(const Lane& from, Lane::Kind kind, std::size_t index);
  // Scores tokens of a continuation from number `first` on, one per row of logits.
  void score(Job& job, std::size_t index, std::size_t first, std::span<const float> logits);
  void note_token(Job& job);

  // Puts a lane behind all older ones that wait.
  void wait(Lane lane);
  // The lane is done, well or not: its memory goes, and with the last lane the job ends.
  void retire(Lane& lane);
  // Ends a request that is not done. cancel() gives no error.
  void end_job(Job& job, std::optional<RequestError> error);
  void finish(Job& job);

  std::unique_ptr<Session> session_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  EngineOptions options_;
  std::int64_t max_positions_;
  std::int64_t reserved_ = 0;
  std::int64_t context_;
  RequestId next_id_ = 1;
  std::unordered_map<RequestId, std::unique_ptr<Job>> jobs_;
  std::deque<Lane> waiting_;   // oldest first
  std::vector<Lane> running_;  // retired ones have no job, and go when the step ends
  std::vector<Lane> born_;     // that run from the next step on
  std::vector<Completion> done_;
  std::vector<Part> parts_;
  std::vector<SequenceInput> inputs_;
  EngineStats stats_;
};

}  // namespace lathe
