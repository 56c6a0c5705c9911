#include "batch/row_reader.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/fail.h"

namespace lathe {
namespace {

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
    : log_(log),
      options_(options),
      preparation_(std::move(tokenizer), options),
      queue_(preparation_, most_rows) {
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
  queue_.close();
  ::close(wake_[1]);  // the reading end becomes readable
  thread_.join();
  ::close(wake_[0]);
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
      lines_.store(index + 1);
      offset_.store(source_->offset());
      ReadyRow row;
      row.index = index;
      row.fingerprint = {options_.run, line->hash};
      row.done = log_.is_others(index) || log_.has(index, row.fingerprint);
      if (!queue_.push(std::move(row), *line)) return;
    }
    at_end_.store(true);
    queue_.end(nullptr);
  } catch (...) {
    queue_.end(std::current_exception());
  }
}

}  // namespace lathe
