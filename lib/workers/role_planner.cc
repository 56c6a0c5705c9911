#include "workers/role_planner.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "lathe/workers/plan.h"

#include "workers/placement.h"

namespace lathe {
namespace {

using State = KnownWorker::State;

// Before anything has been seen: a prompt's token takes an eighth of an answer's.
constexpr double kGuess = 8.0;
// Tokens after which what was seen counts half.
constexpr double kMemory = 1 << 16;

void forget(double& tokens, double& other) {
  if (tokens < kMemory) return;
  tokens /= 2;
  other /= 2;
}

// Of each of its answers. Where none is said, what others came to of this number counts.
double most_tokens(const Request& request) {
  constexpr std::int64_t kOpenEnd = 512;
  const std::int64_t most = request.options.max_tokens;
  return static_cast<double>(most < 0 ? kOpenEnd : std::max<std::int64_t>(1, most));
}

bool is_free(const KnownWorker& worker) {
  return worker.state == State::kPresent && worker.automatic;
}

// The one with the fewest rows: what it has it has to end first.
std::optional<std::size_t> idlest(const std::vector<KnownWorker>& workers, bool prompts) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const KnownWorker& one = workers[i];
    if (!is_free(one) || (one.role == WorkerRole::kPrefill) != prompts) continue;
    if (!best || one.rows.size() < workers[*best].rows.size()) best = i;
  }
  return best;
}

}  // namespace

void RolePlanner::pass(std::size_t worker, double now) {
  const KnownWorker& one = workers_[worker];
  if (one.role == WorkerRole::kPrefill && !one.rows.empty()) {
    prompt_seconds_ += std::max(0.0, now - since_[worker]);
  }
  since_[worker] = now;
}

void RolePlanner::learn(std::size_t worker, const Request& request, const Completion& done,
                        bool prompt) {
  ++answers_;
  if (prompt) {
    prompt_tokens_ += static_cast<double>(done.prompt_tokens - done.cached_tokens);
    return forget(prompt_tokens_, prompt_seconds_);
  }
  const std::size_t beside = std::max<std::size_t>(1, workers_[worker].rows.size());
  Steps& steps =
      steps_[std::min(steps_.size() - 1, static_cast<std::size_t>(std::bit_width(beside) - 1))];
  for (const Generation& sample : done.samples) {
    const auto tokens = static_cast<double>(sample.ids.size());
    written_ += tokens;
    asked_ += most_tokens(request);
    if (tokens < 2.0 || sample.timings.decode <= 0.0) continue;
    steps.tokens += tokens - 1.0;
    steps.seconds += sample.timings.decode;
  }
  forget(asked_, written_);
  forget(steps.tokens, steps.seconds);
}

// Of one worker that is full: the most that any number of rows side by side has shown.
double RolePlanner::answer_rate() const {
  double best = 0.0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].seconds <= 0.0) continue;
    best = std::max(best, std::ldexp(steps_[i].tokens / steps_[i].seconds, static_cast<int>(i)));
  }
  return best;
}

RolePlanner::Work RolePlanner::work_of(const OpenRows& rows) const {
  const double share = asked_ > 0.0 ? written_ / asked_ : 1.0;
  Work out;
  bool prompts = false;  // to be computed still
  rows.for_each([&](const OpenRow& row) {
    const Request& request = row.request;
    if (!has_prompt_apart(row)) return;
    prompts = prompts || row.at_prompt || (!row.worker && !row.prompt_done);
    out.prompt += static_cast<double>(request.prompt.size());
    out.answer += share * most_tokens(request) * request.samples;
  });
  return prompts ? out : Work();
}

std::int64_t RolePlanner::wanted(const OpenRows& rows) const {
  std::int64_t present = 0, free = 0, prompts = 0;
  for (const KnownWorker& worker : workers_) {
    if (worker.state != State::kPresent) continue;
    ++present;
    if (worker.automatic)
      ++free;
    else if (worker.role == WorkerRole::kPrefill)
      ++prompts;
  }
  const Work work = work_of(rows);
  const double answers = answer_rate();
  const double seen = prompt_seconds_ > 0.0 ? prompt_tokens_ / prompt_seconds_ : 0.0;
  // Of what has not been seen, the other says what to expect.
  const double decode = answers > 0.0 ? answers : (seen > 0.0 ? seen / kGuess : 1.0);
  const double prefill = seen > 0.0 ? seen : decode * kGuess;
  const std::int64_t all =
      workers_for_prompts(work.prompt / prefill, work.answer / decode, present);
  return std::clamp<std::int64_t>(all - prompts, 0, free);
}

std::vector<std::size_t> RolePlanner::plan(const OpenRows& rows) {
  answers_ = 0;
  std::int64_t have = 0;
  bool any = false, fresh = false;
  for (const KnownWorker& worker : workers_) {
    if (!is_free(worker)) continue;
    any = true;
    fresh = fresh || !worker.planned;
    if (worker.role == WorkerRole::kPrefill) ++have;
  }
  if (!any) return {};
  const std::int64_t want = wanted(rows);
  const int leaning = want > have ? 1 : want < have ? -1 : 0;
  const bool again = leaning == std::exchange(leaning_, leaning) && leaning != 0;
  std::vector<std::size_t> changed;
  std::int64_t moves = fresh ? std::abs(want - have) : again ? 1 : 0;
  if (fresh) leaning_ = 0;  // it is followed already
  for (; moves > 0; --moves) {
    const auto one = idlest(workers_, leaning < 0);
    if (!one) break;
    workers_[*one].role = leaning > 0 ? WorkerRole::kPrefill : WorkerRole::kDecode;
    changed.push_back(*one);
  }
  for (KnownWorker& worker : workers_) {
    if (is_free(worker)) worker.planned = true;
  }
  return changed;
}

}  // namespace lathe
