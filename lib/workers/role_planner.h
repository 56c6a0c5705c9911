// Roles of workers that leave theirs open (WorkerRole::kAuto): what they do follows the plan
// (lathe/workers/plan.h) for the requests that are open, with the rates that workers have shown.
//
// A worker that was given a role is only asked otherwise from then on: what it has, it ends. So
// answers have the same bytes, whenever roles change.
//
// Of one thread. Times are the caller's, in seconds from whenever.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "workers/known_worker.h"
#include "workers/open_rows.h"

namespace lathe {

class RolePlanner {
 public:
  explicit RolePlanner(std::vector<KnownWorker>& workers)
      : workers_(workers), since_(workers.size()) {}

  // A worker's rows are about to change.
  void pass(std::size_t worker, double now);
  // A worker has answered a request, or computed its prompt; the row still counts as its own.
  void learn(std::size_t worker, const Request& request, const Completion& done, bool prompt);
  // Whether enough has happened for another plan.
  bool due() const noexcept { return answers_ >= kAnswers; }
  // Who has another role now. Roles change one at a time, where two plans after each other want it;
  // a worker that has none yet gets it at once.
  std::vector<std::size_t> plan(const OpenRows& rows);

 private:
  static constexpr int kAnswers = 16;

  struct Work {
    double prompt = 0.0, answer = 0.0;  // tokens
  };
  Work work_of(const OpenRows& rows) const;
  std::int64_t wanted(const OpenRows& rows) const;
  double answer_rate() const;

  std::vector<KnownWorker>& workers_;
  std::vector<double> since_;  // when each one's rows changed last
  int answers_ = 0;            // since the last plan
  int leaning_ = 0;            // the last plan wanted more (1) or fewer (-1) for prompts
  // What has been seen, the newer the more of it.
  double prompt_tokens_ = 0.0, prompt_seconds_ = 0.0;
  double written_ = 0.0, asked_ = 0.0;  // tokens of answers
  struct Steps {
    double tokens = 0.0, seconds = 0.0;  // of each answer by itself
  };
  std::array<Steps, 13> steps_;  // by the power of two that rows side by side reach
};

}  // namespace lathe
