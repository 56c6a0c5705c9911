// Answers that somebody judges (lathe/answer_check.h): their lanes rest, with what they have in
// memory, while others go on. The rest of Scheduler is in scheduler.cc.
#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/attempt.h"
#include "engine/scheduler.h"
#include "generate/taken_back.h"

namespace lathe {
namespace {

// How long a step waits where nothing else is to be done; whoever drives the engine then looks
// around.
constexpr std::chrono::milliseconds kPatience{20};

bool rests(const Lane& lane) { return lane.job != nullptr && lane.rests(); }

}  // namespace

bool Scheduler::judge() {
  take_verdicts();
  const bool some = std::any_of(running_.begin(), running_.end(), rests);
  if (!some) return true;
  const bool others = std::any_of(running_.begin(), running_.end(), [](const Lane& lane) {
    return lane.job != nullptr && !lane.rests();
  });
  // What a float model computes beside a row changes the row's last bits: which rows are computed
  // together must not depend on how long a judge takes.
  if (others && model().batch_invariant()) return true;
  checks_->wait(kPatience);
  take_verdicts();
  if (!model().batch_invariant()) return std::none_of(running_.begin(), running_.end(), rests);
  return true;
}

void Scheduler::take_verdicts() {
  for (Lane& lane : running_) {
    if (!rests(lane)) continue;
    Job& job = *lane.job;
    GenerationState& state = *job.states[lane.index];
    std::optional<CheckRunner::Question>& question = job.checks[lane.index];
    if (auto verdict = question ? std::nullopt : state.foregone()) {
      const auto error = attempt([&] { settle(lane, *std::move(verdict), -1.0); });
      if (error) end_job(job, *error);
      continue;
    }
    if (!question) {
      if (checks_ == nullptr) {
        const auto most = static_cast<std::size_t>(std::clamp(threads(), 2, 8));
        checks_ = std::make_unique<CheckRunner>(most);
      }
      question.emplace(checks_->ask(state.check().judge, state.question()));
    }
    if (!question->answered()) continue;
    CheckVerdict verdict = question->take();
    const double seconds = question->seconds();
    question.reset();
    const auto error = attempt([&] { settle(lane, std::move(verdict), seconds); });
    if (error) end_job(job, *error);
  }
  std::erase_if(running_, [](const Lane& lane) { return lane.job == nullptr; });
}

void Scheduler::settle(Lane& lane, CheckVerdict verdict, double seconds) {
  GenerationState& state = *lane.job->states[lane.index];
  const std::int64_t before = std::ssize(state.history());
  state.settle(std::move(verdict), seconds);
  stats_.generated_tokens += std::ssize(state.history()) - before;
  if (lane.computed > state.computed()) {
    lane.computed = take_back(*session_, lane.sequence, state.computed());
    lane.reached = std::min(lane.reached, lane.computed);
    lane.shares_tail = lane.computed % page_tokens_ != 0;
    // What was taken back is nothing to copy from: it begins anew.
    lane.job->drafts[lane.index].reset();
  }
  if (state.finished()) retire(lane);
}

}  // namespace lathe
