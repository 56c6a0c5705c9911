#include "batch/row_reader.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "lathe/prompt.h"

#include "base/fail.h"
#include "batch/row_error.h"

namespace lathe {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;

// The size of a regular file.
std::optional<std::uint64_t> size_of_file(const std::string& path) {
  struct stat about {};
  const int failed = path == "-" ? ::fstat(STDIN_FILENO, &about) : ::stat(path.c_str(), &about);
  if (failed != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(about.st_size);
}

}  // namespace

RowReader::RowReader(std::shared_ptr<const Tokenizer> tokenizer, const std::string& input,
                     const RecordLog& log, const BatchOptions& options, std::size_t most_rows)
    : tokenizer_(std::move(tokenizer)), log_(log), options_(options), most_rows_(most_rows) {
  if (::pipe2(wake_, O_CLOEXEC) != 0) {
    fail(ErrorCode::kLimit, "cannot make a pipe: {}", std::strerror(errno));
  }
  try {
    LineOptions lines;
    lines.longest = options.longest_line;
    lines.cancel_descriptor = wake_[0];
    source_ = std::make_unique<LineSource>(input, lines);
    const auto size = size_of_file(input);
    is_file_ = size.has_value();
    file_size_ = size.value_or(0);
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    ::close(wake_[0]);
    ::close(wake_[1]);
    throw;
  }
}

RowReader::~RowReader() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  ::close(wake_[1]);  // the reading end becomes readable
  thread_.join();
  ::close(wake_[0]);
}

std::optional<ReadyRow> RowReader::next(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return !rows_.empty() || read_all_; });
  if (rows_.empty()) {
    if (!read_all_) return std::nullopt;
    ended_ = true;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::nullopt;
  }
  ReadyRow row = std::move(rows_.front());
  rows_.pop_front();
  bytes_ -= row.bytes;
  lock.unlock();
  changed_.notify_all();
  return row;
}

std::uint64_t RowReader::expected_lines() const noexcept {
  const std::uint64_t lines = lines_.load();
  if (at_end_.load()) return lines;
  const std::uint64_t offset = offset_.load();
  if (file_size_ < offset || offset == 0) return 0;  // no file, or a compressed one
  const double share = static_cast<double>(offset) / static_cast<double>(file_size_);
  return static_cast<std::uint64_t>(static_cast<double>(lines) / share + 0.5);
}

void RowReader::run() {
  try {
    for (std::uint64_t index = 0;; ++index) {
      const auto line = source_->next();
      if (!line) break;
      ReadyRow ready = prepare(*line, index);
      lines_.store(index + 1);
      offset_.store(source_->offset());
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return quit_ || rows_.empty() || (rows_.size() < most_rows_ && bytes_ < kMostBytes);
      });
      if (quit_) return;
      bytes_ += ready.bytes;
      rows_.push_back(std::move(ready));
      lock.unlock();
      changed_.notify_all();
    }
    at_end_.store(true);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    read_all_ = true;
  }
  changed_.notify_all();
}

ReadyRow RowReader::prepare(const InputLine& line, std::uint64_t index) {
  ReadyRow ready;
  ready.index = index;
  ready.fingerprint = {options_.run, line.hash};
  ready.done = log_.has(index, ready.fingerprint);
  if (ready.done) return ready;
  if (line.too_long) {
    ready.row.error =
        RequestError{ErrorCode::kLimit, fmt::format("line {} has {} bytes; at most {} are possible",
                                                    index + 1, line.bytes, options_.longest_line)};
  } else if (options_.lines) {
    ready.row = plain_text_row(line.text, index + 1, options_.defaults);
  } else {
    ready.row = parse_batch_row(line.text, index + 1, options_.defaults);
  }
  encode(ready);
  ready.bytes = sizeof ready + line.text.size() + ready.prompt.size() * sizeof(TokenId);
  return ready;
}

void RowReader::encode(ReadyRow& ready) {
  BatchRow& row = ready.row;
  if (row.error) return;
  try {
    if (!row.ids.empty()) {
      ready.prompt = row.ids;
    } else if (row.messages.empty()) {
      ready.prompt = encode_prompt(*tokenizer_, row.prompt, row.special);
    } else {
      const ChatTemplate& chat = chat_template(row.chat_template);
      ready.prompt = chat.encode(*tokenizer_, row.messages);
      end_at_turn(chat, *tokenizer_, row.options);
    }
  } catch (const Error& error) {
    row.error = row_error(error);
  }
}

const ChatTemplate& RowReader::chat_template(const std::string& name) {
  const auto known = templates_.find(name);
  if (known != templates_.end()) return known->second;
  return templates_
      .emplace(name,
               name.empty() ? ChatTemplate::recognise(*tokenizer_) : ChatTemplate::by_name(name))
      .first->second;
}

}  // namespace lathe
