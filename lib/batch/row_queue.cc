#include "batch/row_queue.h"

#include <algorithm>
#include <utility>

#include "base/seconds.h"
#include "batch/row_error.h"

namespace lathe {
namespace {

using std::chrono::milliseconds;

// While one reads a row that takes long, the other goes on.
constexpr std::size_t kThreads = 2;
// How soon a row is missed whose time is up.
constexpr milliseconds kGlance{20};

}  // namespace

RowQueue::RowQueue(RowPreparation& preparation, std::size_t most_rows)
    : preparation_(preparation), most_rows_(most_rows) {
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

RowQueue::~RowQueue() {
  close();
  for (std::thread& thread : threads_) thread.join();
}

void RowQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool RowQueue::push(ReadyRow row, const InputLine& line) {
  auto slot = std::make_shared<Slot>();
  slot->state = row.done ? Slot::State::kReady : Slot::State::kWaiting;
  slot->ready = std::move(row);
  slot->line = line;
  slot->line.text = {};
  if (!slot->ready.done) slot->text = line.text;
  slot->ready.bytes = sizeof *slot + slot->text.size();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return closed_ || slots_.empty() || (slots_.size() < most_rows_ && bytes_ < kMaxBytes);
  });
  if (closed_) return false;
  bytes_ += slot->ready.bytes;
  slots_.push_back(std::move(slot));
  lock.unlock();
  changed_.notify_all();
  return true;
}

void RowQueue::end(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    read_all_ = true;
  }
  changed_.notify_all();
}

std::optional<ReadyRow> RowQueue::next(milliseconds patience) {
  const Clock::time_point until = Clock::now() + patience;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (auto row = take()) {
      lock.unlock();
      changed_.notify_all();
      return row;
    }
    if (slots_.empty() && read_all_) {
      ended_ = true;
      if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
      return std::nullopt;
    }
    if (Clock::now() >= until) return std::nullopt;
    changed_.wait_until(lock, std::min(until, Clock::now() + kGlance));
  }
}

bool RowQueue::held_up() const {
  const std::lock_guard lock(mutex_);
  return !slots_.empty() && takes_long(*slots_.front());
}

// The row itself is at work for long, or all threads are at others that are.
bool RowQueue::takes_long(const Slot& slot) const {
  const auto long_since = [](const Slot& s) { return Clock::now() - s.begun > kHeldUp; };
  if (slot.state == Slot::State::kAtWork) return long_since(slot);
  if (slot.state == Slot::State::kReady || at_work_.size() < kThreads) return false;
  return std::all_of(at_work_.begin(), at_work_.end(),
                     [&](const SlotPointer& other) { return long_since(*other); });
}

std::optional<ReadyRow> RowQueue::take() {
  if (auto row = take_overdue()) return row;
  if (slots_.empty()) return std::nullopt;
  if (slots_.front()->state == Slot::State::kReady) return remove(0);
  if (!takes_long(*slots_.front())) return std::nullopt;
  const auto ready = std::find_if(slots_.begin(), slots_.end(), [](const SlotPointer& slot) {
    return slot->state == Slot::State::kReady;
  });
  if (ready == slots_.end()) return std::nullopt;
  return remove(static_cast<std::size_t>(ready - slots_.begin()));
}

// A row that is still being read though its time is up. Its thread keeps what it works with.
std::optional<ReadyRow> RowQueue::take_overdue() {
  for (const SlotPointer& working : at_work_) {
    Slot& slot = *working;
    const double timeout = slot.parsed ? slot.ready.row.timeout : 0.0;
    if (slot.given_up || timeout <= 0.0 || seconds_since(slot.begun) < timeout) continue;
    slot.given_up = true;
    ReadyRow out;
    out.index = slot.ready.index;
    out.fingerprint = slot.ready.fingerprint;
    out.row.form = slot.ready.row.form;
    out.row.id = slot.ready.row.id;
    out.row.metadata = slot.ready.row.metadata;
    out.row.error = timed_out(timeout);
    out.timed_out = true;
    remove(static_cast<std::size_t>(std::find(slots_.begin(), slots_.end(), working) -
                                    slots_.begin()));
    return out;
  }
  return std::nullopt;
}

ReadyRow RowQueue::remove(std::size_t place) {
  const SlotPointer slot = slots_[place];
  slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(place));
  bytes_ -= slot->ready.bytes;
  return slot->given_up ? ReadyRow() : std::move(slot->ready);
}

RowQueue::SlotPointer RowQueue::first_waiting() const {
  for (const SlotPointer& slot : slots_) {
    if (slot->state == Slot::State::kWaiting) return slot;
  }
  return nullptr;
}

void RowQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return closed_ || first_waiting() != nullptr; });
    if (closed_) return;
    const SlotPointer slot = first_waiting();
    slot->state = Slot::State::kAtWork;
    slot->begun = Clock::now();
    at_work_.push_back(slot);
    lock.unlock();
    read(*slot);
    lock.lock();
    std::erase(at_work_, slot);
    slot->ready.seconds = seconds_since(slot->begun);
    slot->state = Slot::State::kReady;
    changed_.notify_all();
  }
}

// What take_overdue() looks at is written under the lock, and not touched afterwards.
void RowQueue::read(Slot& slot) {
  InputLine line = slot.line;
  line.text = slot.text;
  BatchRow row = preparation_.parse(line, slot.ready.index);
  {
    const std::lock_guard lock(mutex_);
    slot.ready.row = std::move(row);
    slot.parsed = true;
  }
  std::string().swap(slot.text);
  preparation_.encode(slot.ready);
}

}  // namespace lathe
