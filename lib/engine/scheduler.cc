#include "engine/scheduler.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <utility>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "engine/attempt.h"
#include "engine/beginning.h"
#include "generate/finite_logits.h"
#include "generate/select.h"
#include "generate/token_weights.h"

namespace lathe {
namespace {

// Logits that several threads choose from faster than one.
constexpr std::size_t kManyLogits = std::size_t{1} << 16;

}  // namespace

Scheduler::Scheduler(std::unique_ptr<Session> session, std::shared_ptr<const Tokenizer> tokenizer,
                     EngineOptions options)
    : session_(std::move(session)),
      tokenizer_(std::move(tokenizer)),
      options_(std::move(options)),
      kv_(*session_),
      page_tokens_(kv_.layout().page_tokens),
      page_bytes_(kv_.layout().page_bytes),
      context_(session_->model().config().max_position),
      store_(*session_) {
  if (options_.context > 0) context_ = std::min(context_, options_.context);
  if (!options_.spill_file.empty()) spill_ = std::make_unique<SpillFile>(options_.spill_file);
  if (!options_.cache_dir.empty()) {
    pages_ = std::make_unique<PageCache>(options_.cache_dir, options_.cache_size,
                                         model().fingerprint(), kv_.layout(), options_.on_warning);
  }
}

Scheduler::~Scheduler() = default;

RequestId Scheduler::submit(Request request) {
  const std::int64_t capacity = session_->kv_usage().max_pages * page_tokens_;
  auto job = make_job(next_id_, std::move(request), *tokenizer_, model().config(),
                      {.context = context_, .capacity = capacity});
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
  const KvUsage usage = session_->kv_usage();
  out.kv_bytes = static_cast<std::uint64_t>(usage.max_pages) * page_bytes_;
  out.kv_bytes_used = static_cast<std::uint64_t>(usage.pages_used) * page_bytes_;
  out.running = std::count_if(jobs_.begin(), jobs_.end(),
                              [](const auto& entry) { return entry.second->started; });
  out.waiting = static_cast<std::int64_t>(jobs_.size()) - out.running;
  return out;
}

std::vector<Completion> Scheduler::step() {
  const EngineClock::time_point start = EngineClock::now();
  expire();
  admit();
  parts_.clear();
  if (judge()) {
    plan();
    make_room();
    // Bits of float models depend on what is computed beside them.
    if (options_.speculator != nullptr || model().batch_invariant()) draft();
  }
  if (!parts_.empty()) compute();
  std::erase_if(running_, [](const Lane& lane) { return lane.job == nullptr; });
  for (Lane& lane : born_) running_.push_back(lane);
  born_.clear();
  if (!parts_.empty()) stats_.step_seconds += seconds_since(start);
  return std::exchange(done_, {});
}

void Scheduler::expire() {
  std::vector<Job*> late;
  const auto look = [&](const Lane& lane) {
    if (lane.job == nullptr || !lane.job->started) return;  // cancelled since the last step
    const double limit = lane.job->request.timeout;
    if (limit > 0.0 && seconds_since(lane.job->admitted) > limit &&
        std::find(late.begin(), late.end(), lane.job) == late.end()) {
      late.push_back(lane.job);
    }
  };
  for (const Lane& lane : running_) look(lane);
  for (const Lane& lane : waiting_) look(lane);  // what was put back goes on counting
  for (Job* job : late) {
    end_job(*job, Failure{ErrorCode::kLimit,
                          fmt::format("timed out after {} seconds", job->request.timeout)});
  }
  std::erase_if(running_, [](const Lane& lane) { return lane.job == nullptr; });
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
                      .scores = all_logits,
                      .row = row,
                      .rows = all_logits ? n : 1});
    row += parts_.back().rows;
  };
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const Lane& lane = running_[i];
    if (lane.job != nullptr && lane.decodes() && !lane.rests()) add(i, 1, false);
  }
  std::int64_t room = prefill_room();
  for (std::size_t i = 0; i < running_.size() && room > 0; ++i) {
    const Lane& lane = running_[i];
    if (lane.job == nullptr || lane.decodes() || lane.rests()) continue;
    std::int64_t count = std::min(lane.pending(), room);
    bool scores = false;
    if (lane.kind == Lane::Kind::kScore) {
      const std::int64_t before = lane.first_scored() - lane.computed;
      scores = before <= 0;
      if (!scores) count = std::min(count, before);
    }
    add(i, count, scores);
    room -= count;
  }
}

std::int64_t Scheduler::prefill_room() const noexcept {
  std::int64_t decoding = 0;
  std::int64_t filling = 0;
  for (const Lane& lane : running_) {
    if (lane.job != nullptr && !lane.rests()) ++(lane.decodes() ? decoding : filling);
  }
  if (options_.prefill_chunk > 0) return options_.prefill_chunk;
  // With few answers under way the rate counts; with many, each waits for the step's end.
  if (decoding == 0 || filling > decoding) return kMaxPromptRows;
  // What a float model computes beside a row changes the row's last bits: its steps follow counts,
  // so that a run can be repeated.
  return model().batch_invariant() ? pace_.prompt_room(decoding, options_.prompt_step)
                                   : StepPace::usual_room(decoding);
}

void Scheduler::compute() {
  for (;;) {
    const EngineClock::time_point start = EngineClock::now();
    std::span<const float> logits;
    const std::optional<Failure> error = attempt([&] { logits = session_->forward(inputs_); });
    if (!error) {
      note_pace(seconds_since(start));
      ++stats_.steps;
      deliver(logits);
      return;
    }
    // Nothing was computed. With less at once it may go; what cannot run alone never will.
    Lane& last = youngest();
    if (running_lanes() == 1) {
      end_job(*last.job, *error);
      return;
    }
    preempt(last);
    plan();
  }
}

void Scheduler::note_pace(double seconds) {
  stats_.forward_seconds += seconds;
  std::int64_t decoding = 0;
  std::int64_t others = 0;
  for (const Part& part : parts_) {
    if (running_[part.lane].decodes()) {
      decoding += static_cast<std::int64_t>(part.rows);
    } else {
      others += part.count;
    }
  }
  pace_.note(decoding, others, seconds);
  if (options_.speculator != nullptr && others == 0) {
    options_.speculator->state().note(decoding, seconds);
  }
}

ThreadPool* Scheduler::pool_for(std::size_t rows) {
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  if (threads() < 2 || rows < 2 || rows * vocab < kManyLogits) return nullptr;
  if (pool_ == nullptr) pool_ = std::make_unique<ThreadPool>(threads());
  return pool_.get();
}

void Scheduler::choose_side_by_side(std::span<const float> logits) {
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  std::vector<Part*> parts;
  for (Part& part : parts_) {
    const Lane& lane = running_[part.lane];
    // The largest of all is found sooner than a thread is woken.
    const GenerateOptions& how = lane.job->request.options;
    const bool costs = how.sampling.temperature > 0 || how.logprobs > 0;
    if (how.edit_logits) continue;  // the caller's own code, on the caller's own thread
    if (part.rows > 1) continue;    // each depends on the one before
    if (lane.kind == Lane::Kind::kSample && part.complete && costs) parts.push_back(&part);
  }
  ThreadPool* pool = pool_for(parts.size());
  if (pool == nullptr) return;
  const auto count = static_cast<std::int64_t>(parts.size());
  pool->parallel_for(count, 1, [&](std::int64_t first, std::int64_t) {
    Part& part = *parts[static_cast<std::size_t>(first)];
    const Lane& lane = running_[part.lane];
    try {
      lane.job->states[lane.index]->choose(logits.subspan(part.row * vocab, vocab));
      part.chosen = true;
    } catch (const std::bad_alloc&) {
      // Then it fails, or not, where its own request is told.
    }
  });
}

void Scheduler::deliver(std::span<const float> logits) {
  choose_side_by_side(logits);
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  for (const Part& part : parts_) {
    Lane& lane = running_[part.lane];
    if (lane.job == nullptr) continue;  // an earlier lane of the same request has failed
    Job& job = *lane.job;
    const bool decodes = lane.decodes();
    lane.computed += part.count;
    lane.shares_tail = false;
    if (!decodes) {
      const std::int64_t again =
          std::clamp<std::int64_t>(lane.reached - (lane.computed - part.count), 0, part.count);
      stats_.recomputed_tokens += again;
      stats_.prefilled_tokens += part.count - again;
    }
    const std::span<const float> rows = logits.subspan(part.row * vocab, part.rows * vocab);
    const std::optional<Failure> error = attempt([&] {
      switch (lane.kind) {
        case Lane::Kind::kPrompt:
          give_beginning(lane, part.complete);
          if (part.complete) end_prompt(lane, rows);
          break;
        case Lane::Kind::kSample:
          if (!part.behind().empty()) {
            choose_drafted(lane, part, rows);
          } else if (part.complete) {
            choose_token(lane, part.chosen ? std::span<const float>() : rows);
          }
          break;
        case Lane::Kind::kScore:
          if (part.scores) score(job, lane.index, rows);
          if (part.complete) retire(lane);
          break;
      }
    });
    if (error) end_job(job, *error);
  }
}

void Scheduler::choose_token(Lane& lane, std::span<const float> logits) {
  GenerationState& state = *lane.job->states[lane.index];
  if (!logits.empty()) state.choose(logits);
  state.advance();
  note_token(*lane.job);
  if (state.finished()) retire(lane);
}

void Scheduler::note_token(Job& job) {
  job.last_token = EngineClock::now();
  if (job.first_token == EngineClock::time_point()) job.first_token = job.last_token;
  ++stats_.generated_tokens;
}

void Scheduler::give_beginning(const Lane& lane, bool complete) {
  Job& job = *lane.job;
  const Request& request = job.request;
  if (!request.on_beginning) return;
  const std::int64_t whole = lane.computed / page_tokens_ * page_tokens_;
  const std::int64_t end = complete ? lane.computed : whole;
  const std::int64_t least = complete ? 1 : request.beginning_part;
  if (least == 0 || end - job.given < least) return;
  if (beginning_kind_.empty()) beginning_kind_ = beginning_kind(*session_);
  BeginningPart part = copy_part(*session_, lane.sequence, job.given, end);
  job.given = end;
  request.on_beginning(beginning_kind_, std::move(part));
}

void Scheduler::end_prompt(Lane& lane, std::span<const float> logits) {
  Job& job = *lane.job;
  job.prompt_end = EngineClock::now();
  job.prompt_done = true;
  job.request.beginning.reset();
  stats_.prompt_tokens += job.prompt_size();
  for (std::size_t i = 0; i < job.scores.size(); ++i) score(job, i, logits);
  for (const auto& state : job.states) {
    if (state->finished()) continue;
    state->accept(logits);
    note_token(job);
  }
  for (std::size_t i = 1; i < job.states.size(); ++i) {
    if (!job.states[i]->finished()) branch(lane, Lane::Kind::kSample, i);
  }
  // The lane goes on as the first answer, or else as the first continuation.
  std::optional<Lane::Kind> next;
  std::size_t index = 0;
  if (!job.states.empty() && !job.states.front()->finished()) next = Lane::Kind::kSample;
  for (std::size_t i = 0; i < job.scores.size(); ++i) {
    const std::vector<TokenId>& text = job.request.continuations[i];
    if (text.size() == 1) continue;
    job.scored[i] = job.request.prompt;
    job.scored[i].insert(job.scored[i].end(), text.begin(), text.end() - 1);
    if (next) {
      branch(lane, Lane::Kind::kScore, i);
    } else {
      next = Lane::Kind::kScore;
      index = i;
    }
  }
  if (next) {
    lane.kind = *next;
    lane.index = index;
  } else {
    retire(lane);
  }
}

void Scheduler::branch(Lane& from, Lane::Kind kind, std::size_t index) {
  Lane lane{.job = from.job, .kind = kind, .index = index};
  ++lane.job->lanes;
  if (running_lanes() + static_cast<std::int64_t>(born_.size()) < options_.max_batch) {
    lane.sequence = session_->fork(from.sequence, from.computed);
    lane.computed = from.computed;
    lane.shares_tail = from.shares_tail = lane.computed % page_tokens_ != 0;
    born_.push_back(lane);
  } else {
    wait(lane);
  }
}

void Scheduler::score(Job& job, std::size_t index, std::span<const float> logits) {
  const auto vocab = static_cast<std::size_t>(model().config().vocab_size);
  const std::vector<TokenId>& text = job.request.continuations[index];
  ContinuationScore& score = job.scores[index];
  const std::size_t first = score.logprobs.size();
  const std::size_t rows = logits.size() / vocab;
  score.logprobs.resize(first + rows);
  std::atomic<bool> greedy = score.greedy;
  std::atomic<bool> numbers = true;
  const auto score_rows = [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
      const std::span<const float> row = logits.subspan(i * vocab, vocab);
      const std::optional<RankedLogit> best = largest(row);
      const TokenId id = text[first + i];
      if (!best || !all_finite(row)) {
        numbers = false;
        return;
      }
      score.logprobs[first + i] = row[static_cast<std::size_t>(id)] - log_sum_exp(row, best->value);
      if (best->id != id) greedy = false;
      if (job.request.on_logits) job.request.on_logits(index, first + i, row);
    }
  };
  if (ThreadPool* pool = pool_for(rows)) {
    pool->parallel_for(static_cast<std::int64_t>(rows), 4, score_rows);
  } else {
    score_rows(0, static_cast<std::int64_t>(rows));
  }
  score.greedy = greedy;
  if (!numbers) {
    score.logprobs.resize(first);
    fail_not_numbers(job.request.prompt.size() + first);
  }
}

void Scheduler::wait(Lane lane) {
  const auto place = std::lower_bound(waiting_.begin(), waiting_.end(), lane, older);
  waiting_.insert(place, lane);
}

void Scheduler::retire(Lane& lane) {
  if (lane.sequence >= 0) keep_or_drop(lane);
  Job& job = *std::exchange(lane.job, nullptr);
  if (--job.lanes == 0) finish(job);
}

void Scheduler::end_job(Job& job, std::optional<Failure> error) {
  job.error = std::move(error);
  for (const auto& state : job.states) state->cancel();
  ++job.lanes;  // until all of them are gone
  for (std::vector<Lane>* lanes : {&running_, &born_}) {
    for (Lane& lane : *lanes) {
      if (lane.job == &job) retire(lane);
    }
  }
  std::erase_if(waiting_, [&](Lane& lane) {
    if (lane.job == &job) release_spill(lane);
    return lane.job == &job;
  });
  std::erase_if(born_, [](const Lane& lane) { return lane.job == nullptr; });
  finish(job);
}

void Scheduler::finish(Job& job) {
  ++(job.error ? stats_.failed : stats_.completed);
  if (options_.speculator != nullptr) offer(job);
  for (const auto& state : job.states) {
    const auto answer =
        static_cast<double>(state->history().size()) - static_cast<double>(job.prompt_size());
    likely_answer_ += 0.1 * (answer - likely_answer_);
  }
  done_.push_back(complete(job));
  jobs_.erase(job.id);
}

}  // namespace lathe
