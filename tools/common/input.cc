#include "common/input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "lathe/host/available_memory.h"
#include "lathe/host/lfs_pointer.h"

#include "common/fail.h"

namespace lathe::tool {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd > STDERR_FILENO) ::close(fd);
  }
};

int open_input(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0)
    fail(ErrorCode::kIo, "{}: cannot open: {}", lathe::quoted(path), std::strerror(errno));
  struct stat about {};
  if (::fstat(file.fd, &about) == 0 && S_ISDIR(about.st_mode)) {
    fail(ErrorCode::kIo, "{}: is a folder, not a file to read", lathe::quoted(path));
  }
  refuse_lfs_pointer(file.fd, path);
  return std::exchange(file.fd, -1);
}

std::string name_of(const std::string& path) {
  return path == "-" ? "standard input" : lathe::quoted(path);
}

std::size_t read_some(int fd, char* out, std::size_t size, const std::string& name) {
  for (;;) {
    const ssize_t n = ::read(fd, out, size);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) fail(ErrorCode::kIo, "{}: cannot read: {}", name, std::strerror(errno));
  }
}

}  // namespace

std::string read_all(const std::string& path) {
  const Descriptor input{open_input(path)};
  const std::string name = name_of(path);
  const std::uint64_t limit = available_memory() / 4;
  std::string out;
  struct stat about {};
  if (::fstat(input.fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
      static_cast<std::uint64_t>(about.st_size) <= limit) {
    out.reserve(static_cast<std::size_t>(about.st_size) + 1);
  }
  std::size_t size = 0;
  for (;;) {
    if (size == out.size()) {
      out.resize(std::max({size + (std::size_t{1} << 16), size + size / 2, out.capacity()}));
    }
    const std::size_t n = read_some(input.fd, out.data() + size, out.size() - size, name);
    if (n == 0) break;
    size += n;
    if (size > limit) {
      fail(ErrorCode::kLimit,
           "{}: longer than {} bytes, a quarter of the memory that is free; split the input", name,
           limit);
    }
  }
  out.resize(size);
  return out;
}

LineReader::LineReader(const std::string& path, std::size_t max_line)
    : name_(name_of(path)), fd_(open_input(path)), max_line_(max_line) {}

LineReader::~LineReader() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

bool LineReader::fill() {
  if (at_end_) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t old = buffer_.size();
  const std::size_t more = std::max(std::size_t{1} << 16, old / 2);
  buffer_.resize(old + more);
  const std::size_t n = read_some(fd_, buffer_.data() + old, more, name_);
  buffer_.resize(old + n);
  at_end_ = n == 0;
  return n > 0;
}

std::optional<Line> LineReader::next() {
  std::size_t searched = 0;  // bytes after begin_ known to hold no newline
  for (;;) {
    const auto newline = buffer_.find('\n', begin_ + searched);
    if (newline != std::string::npos) {
      std::string_view text(buffer_.data() + begin_, newline - begin_);
      begin_ = newline + 1;
      if (text.size() > max_line_) return Line{text.substr(0, max_line_), true, true};
      if (text.ends_with('\r')) text.remove_suffix(1);
      return Line{text};
    }
    searched = buffer_.size() - begin_;
    if (searched > max_line_) break;
    if (!fill()) {
      if (searched == 0) return std::nullopt;
      const std::string_view text(buffer_.data() + begin_, searched);
      begin_ = buffer_.size();
      return Line{text, false, false};
    }
  }
  // Too long: keep its beginning at the front of the buffer and read on to the newline.
  std::string start = buffer_.substr(begin_, max_line_);
  bool ended = false;
  for (;;) {
    begin_ = buffer_.size();
    if (!fill()) break;
    const auto newline = buffer_.find('\n');
    if (newline == std::string::npos) continue;
    begin_ = newline + 1;
    ended = true;
    break;
  }
  buffer_.replace(0, begin_, start);
  begin_ = start.size();
  return Line{std::string_view(buffer_.data(), begin_), true, ended};
}

}  // namespace lathe::tool
