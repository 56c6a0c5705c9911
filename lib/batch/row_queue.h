// Lines that wait to become rows, and rows that wait for the engine; threads of its own turn the
// former into the latter.
//
// Rows come out in the lines' order, so that a run makes the same steps each time, unless one of
// them takes long (kHeldUp) to be read: then those behind it go on. A row whose time (its timeout)
// is up before it is ready comes out with an error, and what is made of it later is thrown away.
//
// Bounded: push() waits while `most_rows` rows, or kMaxBytes, were not taken yet. push() and end()
// belong to one thread, next() to another; an error that was handed to end() comes out of next()
// after the rows that were pushed before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "batch/ready_row.h"
#include "batch/row_preparation.h"

namespace lathe {

class RowQueue {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  static constexpr std::chrono::milliseconds kHeldUp{1000};

  RowQueue(RowPreparation& preparation, std::size_t most_rows);
  ~RowQueue();
  RowQueue(const RowQueue&) = delete;
  RowQueue& operator=(const RowQueue&) = delete;

  // A row that is done already, or whose line is still to be read. False: nobody wants more.
  bool push(ReadyRow row, const InputLine& line);
  void end(std::exception_ptr error);
  void close();

  // The next row if it comes within `patience`.
  std::optional<ReadyRow> next(std::chrono::milliseconds patience);
  bool ended() const noexcept { return ended_; }  // nothing more will come
  // The next row takes long: whoever has something else to do should not wait for it.
  bool held_up() const;

 private:
  struct Slot {
    enum class State { kWaiting, kAtWork, kReady };
    State state = State::kWaiting;
    ReadyRow ready;
    std::string text;  // the line's, until it is read
    InputLine line;    // without its text
    bool parsed = false;
    bool given_up = false;
    Clock::time_point begun;
  };
  using SlotPointer = std::shared_ptr<Slot>;

  void work();
  void read(Slot& slot);
  SlotPointer first_waiting() const;
  bool takes_long(const Slot& slot) const;
  std::optional<ReadyRow> take();
  std::optional<ReadyRow> take_overdue();
  ReadyRow remove(std::size_t place);

  RowPreparation& preparation_;
  const std::size_t most_rows_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SlotPointer> slots_;
  std::vector<SlotPointer> at_work_;  // one for each thread; null: it waits
  std::size_t bytes_ = 0;
  bool read_all_ = false, closed_ = false, ended_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace lathe
