// Who has memory: starting lanes from beginnings that are at hand, keeping, shrinking, putting
// back. The rest of Scheduler is in scheduler.cc.
#include <algorithm>
#include <utility>
#include <vector>

#include "lathe/error.h"

#include "engine/beginning.h"
#include "engine/scheduler.h"

namespace lathe {
namespace {

// Lanes behind one that waits for a beginning which may overtake it.
constexpr std::size_t kLookAhead = 64;
// A beginning shorter than this is sooner computed than waited for.
constexpr std::int64_t kWorthWaiting = 16;

}  // namespace

void Scheduler::admit() {
  std::int64_t committed = 0;
  for (const Lane& lane : running_) committed += likely_growth(lane);
  std::size_t passed = 0;
  while (passed < std::min(waiting_.size(), kLookAhead) &&
         std::cmp_less(running_.size(), options_.max_batch)) {
    const auto place = waiting_.begin() + static_cast<std::ptrdiff_t>(passed);
    Lane lane = *place;
    const Start result = start(lane, committed);
    if (result == Start::kNoMemory) return;
    if (result == Start::kLater) {
      ++passed;
      continue;
    }
    waiting_.erase(place);
    committed += likely_growth(lane);
    running_.push_back(lane);
  }
}

Scheduler::Start Scheduler::start(Lane& lane, std::int64_t committed) {
  if (lane.spilled) {
    if (!has_room(lane, committed)) return Start::kNoMemory;
    if (unspill(lane)) return Start::kStarted;
  }
  const Source source = find_source(lane);
  if (brings_more(lane, source)) {
    if (!has_room(lane, committed)) return Start::kNoMemory;
    lane.sequence = add_beginning(*session_, *lane.job->request.beginning);
    if (lane.sequence >= 0) lane.computed = lane.job->request.beginning->tokens;
    lane.shares_tail = false;
  }
  if (lane.sequence < 0) {
    if (source.coming - source.length >= kWorthWaiting) return Start::kLater;
    open(lane, source);
    if (!has_room(lane, committed)) {
      session_->drop(std::exchange(lane.sequence, -1));
      lane.computed = 0;
      return Start::kNoMemory;
    }
  }
  Job& job = *lane.job;
  if (pages_ != nullptr) load_pages(lane);
  if (!job.started) {
    job.started = true;
    job.admitted = EngineClock::now();
    job.cached_tokens = lane.computed;
    stats_.cached_tokens += lane.computed;
    for (const auto& state : job.states) state->begin();
  }
  return Start::kStarted;
}

bool Scheduler::brings_more(const Lane& lane, const Source& source) const noexcept {
  const Beginning* brought = lane.job->request.beginning.get();
  return brought != nullptr && brought->tokens > source.length &&
         brought->tokens < lane.job->prompt_size();
}

bool Scheduler::has_room(const Lane& lane, std::int64_t committed) {
  const std::int64_t need = likely_growth(lane);
  while (free_pages() - committed < need) {
    if (store_.shrink(need - (free_pages() - committed))) continue;
    return running_.empty();
  }
  return true;
}

Scheduler::Source Scheduler::find_source(const Lane& lane) noexcept {
  const std::span<const TokenId> tokens = lane.tokens();
  const std::int64_t most = lane.most_shared();
  Source source;
  if (options_.share_prefixes) {
    const PrefixStore::Match match = store_.find(tokens.first(static_cast<std::size_t>(most)));
    source.sequence = match.sequence;
    source.length = match.length;
  }
  for (Lane& other : running_) {
    if (!options_.share_prefixes && other.job != lane.job) continue;
    const std::int64_t shared = std::min(common_length(other.tokens(), tokens), most);
    const std::int64_t now = std::min(shared, other.computed);
    if (now > source.length && session_->can_fork(other.sequence, now)) {
      source.sequence = other.sequence;
      source.length = now;
      source.lane = &other;
    }
    if (other.computed < shared) source.coming = std::max(source.coming, shared);
  }
  return source;
}

void Scheduler::open(Lane& lane, const Source& source) {
  if (source.length > 0) {
    try {
      lane.sequence = session_->fork(source.sequence, source.length);
      lane.computed = source.length;
      lane.shares_tail = lane.computed % page_tokens_ != 0;
      if (lane.shares_tail && source.lane != nullptr) source.lane->shares_tail = true;
      if (source.lane == nullptr) store_.touch(source.sequence);
      return;
    } catch (const Error&) {
      // No memory for its list of pages.
    }
  }
  lane.sequence = session_->add();
  lane.computed = 0;
  lane.shares_tail = false;
}

void Scheduler::load_pages(Lane& lane) {
  const std::span<const TokenId> tokens = lane.tokens();
  const std::int64_t most = lane.most_shared();
  const std::int64_t before = lane.computed;
  const std::int64_t whole = before / page_tokens_ * page_tokens_;
  const std::int64_t reach = pages_->reach(tokens.first(static_cast<std::size_t>(most)), whole);
  if (reach - before < kWorthWaiting) return;
  if (!session_->can_fork(lane.sequence, whole)) return;
  // Pages go behind whole pages only.
  if (whole != before) session_->truncate(lane.sequence, whole);
  lane.shares_tail = false;
  lane.computed =
      pages_->load(*session_, lane.sequence, tokens.first(static_cast<std::size_t>(most)));
  if (!lane.job->started) {
    stats_.disk_cached_tokens += std::max<std::int64_t>(0, lane.computed - before);
  }
}

bool Scheduler::unspill(Lane& lane) {
  const SpillRun run = *lane.spilled;
  std::vector<std::byte> bytes(static_cast<std::size_t>(run.bytes));
  const bool good = spill_->read(run, bytes);
  release_spill(lane);
  if (!good) {
    warn("the spill file gave back other bytes than were written: computing them again");
    return false;
  }
  lane.sequence = session_->add();
  try {
    kv_.append(lane.sequence, lane.reached, bytes);
  } catch (const Error&) {  // no room after all
    session_->drop(std::exchange(lane.sequence, -1));
    return false;
  }
  lane.computed = lane.reached;
  return true;
}

void Scheduler::release_spill(Lane& lane) {
  if (lane.spilled) spill_->release(*std::exchange(lane.spilled, std::nullopt));
}

void Scheduler::keep_or_drop(Lane& lane) {
  const SequenceId sequence = std::exchange(lane.sequence, -1);
  // Of a scored continuation what others may begin with: the prompt.
  const bool scored = lane.kind == Lane::Kind::kScore;
  const std::int64_t length =
      scored ? std::min(lane.computed, lane.job->prompt_size()) : lane.computed;
  const auto tokens = lane.tokens().first(static_cast<std::size_t>(length));
  const bool keeps = length > 0 && (pages_ != nullptr || options_.share_prefixes);
  if (keeps && length < lane.computed) session_->truncate(sequence, length);
  if (keeps && pages_ != nullptr) pages_->store(*session_, sequence, tokens);
  if (keeps && options_.share_prefixes) {
    store_.keep(sequence, tokens);
  } else {
    session_->drop(sequence);
  }
}

void Scheduler::make_room() {
  for (;;) {
    std::int64_t lacking = -free_pages();
    for (const Part& part : parts_) {
      const Lane& lane = running_[part.lane];
      lacking += pages_for(lane.computed + part.count) - pages_for(lane.computed) +
                 (lane.shares_tail ? 1 : 0);
    }
    if (lacking <= 0) return;
    if (store_.shrink(lacking)) continue;
    // The session's own count is exact; this one takes every shared last page for copied.
    if (running_lanes() <= 1) return;
    preempt(youngest());
    plan();
  }
}

void Scheduler::preempt(Lane& lane) {
  ++stats_.preemptions;
  ++lane.job->preemptions;
  Lane back{.job = lane.job, .kind = lane.kind, .index = lane.index};
  back.reached = std::max(lane.reached, lane.computed);
  const auto held = kv_.of(lane.sequence);
  const std::uint64_t bytes = static_cast<std::uint64_t>(held.count) * page_bytes_;
  const double per_position = pace_.seconds_per_prompt_row();
  const double again = per_position * static_cast<double>(lane.computed);
  const bool spills = spill_ != nullptr && spill_->good() && lane.computed > 0 &&
                      (per_position == 0.0 || spill_->cost(bytes) < again);
  if (spills) {
    std::vector<std::byte> copy(static_cast<std::size_t>(bytes));
    kv_.copy(lane.sequence, held.first, held.count, copy);
    SpillRun run;
    if (spill_->write(copy, run)) {
      back.spilled = run;
      back.reached = lane.computed;
      ++stats_.spilled;
    } else {
      warn("the spill file cannot be written: computing again what had to give way");
    }
  }
  const SequenceId sequence = std::exchange(lane.sequence, -1);
  if (!back.spilled && options_.share_prefixes && lane.computed > 0) {
    // Only as many of its pages go as are wanted; it starts again from what is left.
    store_.keep(sequence, lane.tokens().first(static_cast<std::size_t>(lane.computed)));
  } else {
    session_->drop(sequence);
  }
  lane.job = nullptr;
  std::erase_if(running_, [](const Lane& l) { return l.job == nullptr; });
  wait(back);
}

Lane& Scheduler::youngest() { return *std::max_element(running_.begin(), running_.end(), older); }

std::int64_t Scheduler::running_lanes() const noexcept {
  return std::count_if(running_.begin(), running_.end(),
                       [](const Lane& lane) { return lane.job != nullptr; });
}

std::int64_t Scheduler::free_pages() const noexcept {
  const KvUsage usage = session_->kv_usage();
  return usage.max_pages - usage.pages_used;
}

std::int64_t Scheduler::likely_growth(const Lane& lane) const noexcept {
  const Job& job = *lane.job;
  const auto filled = static_cast<std::int64_t>(lane.tokens().size());
  std::int64_t pages = pages_for(filled) - pages_for(lane.computed) + (lane.shares_tail ? 1 : 0);
  if (lane.kind == Lane::Kind::kScore || job.states.empty()) return pages;
  const std::int64_t likely =
      std::max(static_cast<std::int64_t>(likely_answer_ * 1.25) - (filled - job.prompt_size()),
               page_tokens_);
  const std::int64_t last = std::min(filled + likely, most_positions(job, context_));
  pages += std::max<std::int64_t>(0, pages_for(last) - pages_for(filled));
  if (lane.kind == Lane::Kind::kPrompt) {
    const auto others = static_cast<std::int64_t>(job.states.size()) - 1;
    pages += others * (pages_for(last) - pages_for(filled) + 1);
  }
  return pages;
}

void Scheduler::warn(const std::string& message) const {
  if (options_.on_warning) options_.on_warning(message);
}

}  // namespace lathe
