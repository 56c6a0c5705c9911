// Reads lines ahead on a thread of its own, and hands them out as requests with token ids.
//
// next() is for one thread. Errors of the input come out of next() after the rows that were read
// before.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "lathe/batch.h"
#include "lathe/host/lines.h"

#include "batch/ready_row.h"
#include "batch/row_preparation.h"
#include "batch/row_queue.h"

namespace lathe {

class RowReader {
 public:
  // `log` is asked only for what an earlier run left.
  RowReader(std::shared_ptr<const Tokenizer> tokenizer, const std::string& input,
            const RecordLog& log, const BatchOptions& options, std::size_t most_rows);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  // The next row if it comes within `patience`. Nothing: see ended().
  std::optional<ReadyRow> next(std::chrono::milliseconds patience) { return queue_.next(patience); }
  bool ended() const noexcept { return queue_.ended(); }  // nothing more will come
  // A row takes long to be read: what runs need not wait for it.
  bool held_up() const { return queue_.held_up(); }

  // Whether rows are there for the taking: then a run admits them in the same steps each time.
  bool reads_file() const noexcept { return is_file_; }
  // Lines in all: exact at the end of the input, before an estimate from a file's size; 0: unknown.
  std::uint64_t expected_lines() const noexcept;

 private:
  void run();

  const RecordLog& log_;
  const BatchOptions& options_;
  RowPreparation preparation_;
  RowQueue queue_;
  int wake_[2] = {-1, -1};  // a pipe: the destructor ends a wait for input
  std::unique_ptr<LineSource> source_;
  std::uint64_t file_size_ = 0;
  bool is_file_ = false;

  std::atomic<std::uint64_t> lines_{0}, offset_{0};
  std::atomic<bool> at_end_{false};
  std::thread thread_;
};

}  // namespace lathe
