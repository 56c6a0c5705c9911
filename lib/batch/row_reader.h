// Reads rows ahead on a thread of its own, as requests with token ids.
//
// Bounded: the thread waits when `most_rows` rows, or as many bytes as a long line may have, were
// not taken yet. next() is for one thread. Errors of the input come out of next() after the
// rows that were read before.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lathe/batch.h"
#include "lathe/chat.h"
#include "lathe/host/lines.h"

namespace lathe {

struct ReadyRow {
  std::uint64_t index = 0;
  RecordFingerprint fingerprint;
  bool done = false;  // its record is there already; nothing else is filled in
  BatchRow row;
  std::vector<TokenId> prompt;  // empty where row.error says why
  std::size_t bytes = 0;        // what it takes in the queue
};

class RowReader {
 public:
  // `log` is asked only for what an earlier run left.
  RowReader(std::shared_ptr<const Tokenizer> tokenizer, const std::string& input,
            const RecordLog& log, const BatchOptions& options, std::size_t most_rows);
  ~RowReader();
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;

  // The next row if it comes within `patience`. Nothing: see ended().
  std::optional<ReadyRow> next(std::chrono::milliseconds patience);
  bool ended() const noexcept { return ended_; }  // nothing more will come

  // Whether rows are there for the taking: then a run admits them in the same steps each time.
  bool reads_file() const noexcept { return is_file_; }
  // Lines in all: exact at the end of the input, before an estimate from a file's size; 0: unknown.
  std::uint64_t expected_lines() const noexcept;

 private:
  void run();
  ReadyRow prepare(const InputLine& line, std::uint64_t index);
  void encode(ReadyRow& ready);
  const ChatTemplate& chat_template(const std::string& name);

  std::shared_ptr<const Tokenizer> tokenizer_;
  const RecordLog& log_;
  const BatchOptions& options_;
  std::size_t most_rows_;
  std::map<std::string, ChatTemplate> templates_;  // by name; "" is the model's own
  int wake_[2] = {-1, -1};                         // a pipe: the destructor ends a wait for input
  std::unique_ptr<LineSource> source_;
  std::uint64_t file_size_ = 0;
  bool is_file_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ReadyRow> rows_;
  std::size_t bytes_ = 0;
  bool read_all_ = false, quit_ = false;
  std::exception_ptr error_;
  bool ended_ = false;

  std::atomic<std::uint64_t> lines_{0}, offset_{0};
  std::atomic<bool> at_end_{false};
  std::thread thread_;
};

}  // namespace lathe
