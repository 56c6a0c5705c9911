#include "engine/scheduler.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/fail.h"
#include "generate/sampler.h"
#include "generate/select.h"

namespace lathe {
namespace {

double since(EngineClock::time_point start) {
  return std::chrono::duration<double>(EngineClock::now() - start).count();
}

// Runs `call`; what it throws becomes the error of one request.
template <typename Call>
std::optional<RequestError> attempt(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return RequestError{error.code(), error.message()};
  } catch (const std::bad_alloc&) {
    return RequestError{ErrorCode::kLimit, "out of memory"};
  }
  return std::nullopt;
}

}  // namespace

Scheduler::Scheduler(std::unique_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
                     EngineOptions options, std::int64_t max_positions)
    : session_(std::move(session)),
      tokenizer_(std::move(tokenizer)),
      options_(std::move(options)),
      max_positions_(max_positions),
      context_(std::min(session_->context(), max_positions)) {
  if (options_.context > 0) context_ = std::min(context_, options_.context);
}

Scheduler::~Scheduler() = default;

RequestId Scheduler::submit(Request request) {
  auto job = make_job(next_id_, std::move(request), tokenizer_.get(), model().config(), context_);
  const RequestId id = next_id_++;
  Job& made = *jobs_.emplace(id, std::move(job)).first->second;
  ++stats_.submitted;
  const bool answers = std::any_of(made.states.begin(), made.states.end(),
                                   [](const auto& state) { return !state->finished(); });
  if (answers || made.states.empty() || !made.scores.empty()) {
    made.lanes = 1;
    waiting_.push_back({.job = &made});
  } else {
    finish(made);
  }
  return id;
}

bool Scheduler::cancel(RequestId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return false;
  ++stats_.cancelled;
  end_job(*found->second, std::nullopt);
  return true;
}

bool Scheduler::idle() const noexcept { return jobs_.empty() && done_.empty(); }

EngineStats Scheduler::stats() const noexcept {
  EngineStats out = stats_;
  out.running = std::count_if(jobs_.begin(), jobs_.end(),
                              [](const auto& entry) { return entry.second->started; });
  out.waiting = static_cast<std::int64_t>(jobs_.size()) - out.running;
  return out;
}

std::vector<Completion> Scheduler::step() {
  const EngineClock::time_point start = EngineClock::now();
  expire();
  admit();
  plan();
  if (!parts_.empty()) compute();
  std::erase_if(running_, [](const Lane& lane) { return lane.job == nullptr; });
  for (Lane& lane : born_) running_.push_back(lane);
  born_.clear();
  if (!parts_.empty()) stats_.step_seconds += since(start);
  return std::exchange(done_, {});
}

void Scheduler::expire() {
  std::vector<Job*> late;
  for (const Lane& lane : running_) {
    if (lane.job == nullptr) continue;  // cancelled since the last step
    Job& job = *lane.job;
    const double limit = job.request.timeout;
    if (limit > 0.0 && since(job.admitted) > limit &&
        std::find(late.begin(), late.end(), &job) == late.end()) {
      late.push_back(&job);
    }
  }
  for (Job* job : late) {
    end_job(*job, RequestError{ErrorCode::kLimit,
                               fmt::format("timed out after {} seconds", job->request.timeout)});
  }
  std::erase_if(running_, [](const Lane& lane) { return lane.job == nullptr; });
}

void Scheduler::admit() {
  while (!waiting_.empty() && std::cmp_less(running_.size(), options_.max_batch)) {
    Lane lane = waiting_.front();
    Job& job = *lane.job;
    if (!job.started) {
      const std::int64_t need = most_positions(job, context_);
      if (reserved_ > 0 && reserved_ + need > max_positions_) return;
      reserved_ += need;
      job.reserved = need;
      job.started = true;
      job.admitted = EngineClock::now();
      for (const auto& state : job.states) state->begin();
    }
    waiting_.pop_front();
    lane.sequence = session_->add();
    running_.push_back(lane);
  }
}

void Scheduler::plan() {
  parts_.clear();
  inputs_.clear();
  std::size_t row = 0;
  const auto add = [&](std::size_t index, std::int64_t count, bool all_logits) {
    const Lane& lane = running_[index];
    const auto at = static_cast<std::size_t>(lane.computed);
    const auto n = static_cast<std::size_t>(count);
    inputs_.push_back({lane.sequence, lane.tokens().subspan(at, n), all_logits});
    parts_.push_back({.lane = index,
                      .count = count,
                      .complete = count == lane.pending(),
                      .row = row,
                      .rows = all_logits ? n : 1});
    row += parts_.back().rows;
  };
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (running_[i].decodes()) add(i, 1, false);
  }
  std::int64_t room = options_.prefill_chunk;
  for (std::size_t i = 0; i < running_.size() && room > 0; ++i) {
    const Lane& lane = running_[i];
    if (lane.decodes()) continue;
    std::int64_t count = std::min(lane.pending(), room);
    const std::int64_t prompt_left = lane.job->prompt_size() - lane.computed;
    const bool scores = lane.kind == Lane::Kind::kScore && prompt_left <= 0;
    if (lane.kind == Lane::Kind::kScore && !scores) count = std::min(count, prompt_left);
    add(i, count, scores);
    room -= count;
  }
}

void Scheduler::compute() {
  const EngineClock::time_point start = EngineClock::now();
  const std::span<const float> logits = session_->forward(inputs_);
  stats_.forward_seconds += since(start);
  ++stats_.steps;
  deliver(logits);
}

void Scheduler::deliver(std::span<const float> logits) {
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  for (const Part& part : parts_) {
    Lane& lane = running_[part.lane];
    if (lane.job == nullptr) continue;  // an earlier lane of the same request has failed
    Job& job = *lane.job;
    const bool decodes = lane.decodes();
    const std::int64_t first = lane.computed;
    lane.computed += part.count;
    if (!decodes) stats_.prefilled_tokens += part.count;
    const std::span<const float> rows = logits.subspan(part.row * vocab, part.rows * vocab);
    const std::optional<RequestError> error = attempt([&] {
      switch (lane.kind) {
        case Lane::Kind::kPrompt:
          if (part.complete) end_prompt(lane, rows);
          break;
        case Lane::Kind::kSample:
          if (part.complete) choose_token(lane, rows);
          break;
        case Lane::Kind::kScore: {
          const std::int64_t after = first - job.prompt_size() + 1;
          if (after > 0) score(job, lane.index, static_cast<std::size_t>(after), rows);
          if (part.complete) retire(lane);
          break;
        }
      }
    });
    if (error) end_job(job, *error);
  }
}

void Scheduler::choose_token(Lane& lane, std::span<const float> logits) {
  GenerationState& state = *lane.job->states[lane.index];
  state.accept(logits);
  note_token(*lane.job);
  if (state.finished()) retire(lane);
}

void Scheduler::note_token(Job& job) {
  job.last_token = EngineClock::now();
  if (job.first_token == EngineClock::time_point()) job.first_token = job.last_token;
  ++stats_.generated_tokens;
}

void Scheduler::end_prompt(Lane& lane, std::span<const float> logits) {
  Job& job = *lane.job;
  job.prompt_end = EngineClock::now();
  job.prompt_done = true;
  stats_.prompt_tokens += job.prompt_size();
  for (std::size_t i = 0; i < job.scores.size(); ++i) score(job, i, 0, logits);
  for (const auto& state : job.states) {
    if (state->finished()) continue;
    state->accept(logits);
    note_token(job);
  }
  for (std::size_t i = 1; i < job.states.size(); ++i) {
    if (!job.states[i]->finished()) branch(lane, Lane::Kind::kSample, i);
  }
  for (std::size_t i = 0; i < job.scores.size(); ++i) {
    const std::vector<TokenId>& text = job.request.continuations[i];
    if (text.size() == 1) continue;
    job.scored[i] = job.request.prompt;
    job.scored[i].insert(job.scored[i].end(), text.begin(), text.end() - 1);
    branch(lane, Lane::Kind::kScore, i);
  }
  if (job.states.empty() || job.states.front()->finished()) {
    retire(lane);
  } else {
    lane.kind = Lane::Kind::kSample;
  }
}

void Scheduler::branch(const Lane& from, Lane::Kind kind, std::size_t index) {
  Lane lane{.job = from.job, .kind = kind, .index = index};
  ++lane.job->lanes;
  if (std::cmp_less(running_.size() + born_.size(), options_.max_batch)) {
    lane.sequence = session_->fork(from.sequence, lane.job->prompt_size());
    lane.computed = lane.job->prompt_size();
    born_.push_back(lane);
  } else {
    wait(lane);
  }
}

void Scheduler::score(Job& job, std::size_t index, std::size_t first,
                      std::span<const float> logits) {
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  const std::vector<TokenId>& text = job.request.continuations[index];
  ContinuationScore& score = job.scores[index];
  for (std::size_t i = 0; i * vocab < logits.size(); ++i) {
    const std::span<const float> row = logits.subspan(i * vocab, vocab);
    const std::optional<RankedLogit> best = largest(row);
    if (!best) {
      fail_invalid("the model's logits after {} tokens are not numbers: its weights are damaged",
                   job.request.prompt.size() + first + i);
    }
    const TokenId id = text[first + i];
    score.logprobs.push_back(row[static_cast<std::size_t>(id)] - log_sum_exp(row, best->value));
    score.greedy = score.greedy && best->id == id;
  }
}

void Scheduler::wait(Lane lane) {
  const auto place = std::lower_bound(waiting_.begin(), waiting_.end(), lane, older);
  waiting_.insert(place, lane);
}

void Scheduler::retire(Lane& lane) {
  Job& job = *std::exchange(lane.job, nullptr);
  if (lane.sequence >= 0) session_->drop(std::exchange(lane.sequence, -1));
  if (--job.lanes == 0) finish(job);
}

void Scheduler::end_job(Job& job, std::optional<RequestError> error) {
  job.error = std::move(error);
  for (const auto& state : job.states) state->cancel();
  ++job.lanes;  // until all of them are gone
  for (std::vector<Lane>* lanes : {&running_, &born_}) {
    for (Lane& lane : *lanes) {
      if (lane.job == &job) retire(lane);
    }
  }
  std::erase_if(waiting_, [&](const Lane& lane) { return lane.job == &job; });
  std::erase_if(born_, [](const Lane& lane) { return lane.job == nullptr; });
  finish(job);
}

void Scheduler::finish(Job& job) {
  ++(job.error ? stats_.failed : stats_.completed);
  reserved_ -= job.reserved;
  done_.push_back(complete(job));
  jobs_.erase(job.id);
}

}  // namespace lathe
