#include "sgp/input.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lathe/host/lfs_pointer.h"
#include "lathe/sgp/dataset.h"

#include "base/ascii.h"
#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::size_t kAhead = 4096;

int open_to_read(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    fail(ErrorCode::kIo, "{}: cannot open: {}", quoted(path), std::strerror(errno));
  }
  try {
    refuse_lfs_pointer(fd, path);
  } catch (const Error&) {
    ::close(fd);
    throw;
  }
  return fd;
}

}  // namespace

struct SgpInput::State {
  std::string name;
  int fd = -1;
  ByteSource raw;
  std::vector<std::byte> ahead;  // read from `raw`, and not used yet
  std::size_t ahead_used = 0;
  std::unique_ptr<ZstdReader> zstd;
  std::vector<std::byte> peeked;  // unpacked, and not given out yet
  std::size_t peeked_used = 0;
  std::uint64_t bytes = 0;
  Checksum checksum;

  std::size_t packed(std::span<std::byte> out) {
    if (ahead_used == ahead.size()) return raw(out);
    const std::size_t n = std::min(out.size(), ahead.size() - ahead_used);
    std::copy_n(ahead.begin() + static_cast<std::ptrdiff_t>(ahead_used), n, out.begin());
    ahead_used += n;
    return n;
  }
  std::size_t plain(std::span<std::byte> out) {
    const std::size_t n = zstd ? zstd->read(out) : packed(out);
    bytes += n;
    if (bytes > kSgpMostBytes) {
      fail(ErrorCode::kLimit, "{}: more than the limit of {} bytes; split the file", quoted(name),
           kSgpMostBytes);
    }
    checksum.add(out.first(n));
    return n;
  }
};

SgpInput::SgpInput(const std::string& path) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.name = path == "-" ? "standard input" : path;
  s.fd = open_to_read(path);
  s.raw = read_from_descriptor(s.fd, s.name);
  s.ahead.resize(kAhead);
  std::size_t got = 0;
  while (got < 4) {
    const std::size_t n = s.raw(std::span(s.ahead).subspan(got));
    if (n == 0) break;
    got += n;
  }
  s.ahead.resize(got);
  if (looks_like_zstd(s.ahead)) {
    s.zstd = std::make_unique<ZstdReader>(
        [this](std::span<std::byte> out) { return state_->packed(out); }, s.name,
        kSgpMostBytes + 1);
  }
}

SgpInput::~SgpInput() {
  if (state_->fd > STDERR_FILENO) ::close(state_->fd);
}

ByteSource SgpInput::source() {
  return [this](std::span<std::byte> out) {
    State& s = *state_;
    if (s.peeked_used == s.peeked.size()) return s.plain(out);
    const std::size_t n = std::min(out.size(), s.peeked.size() - s.peeked_used);
    std::copy_n(s.peeked.begin() + static_cast<std::ptrdiff_t>(s.peeked_used), n, out.begin());
    s.peeked_used += n;
    return n;
  };
}

std::optional<char> SgpInput::first_letter() {
  State& s = *state_;
  std::array<std::byte, kAhead> piece;
  while (s.peeked.size() < kAhead) {
    const std::size_t n = s.plain(piece);
    if (n == 0) break;
    s.peeked.insert(s.peeked.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n));
    for (const std::byte b : s.peeked) {
      const char c = static_cast<char>(b);
      if (!is_ascii_space(c)) return c;
    }
  }
  return std::nullopt;
}

std::string SgpInput::checksum() const { return state_->checksum.text(); }

ByteLines::ByteLines(ByteSource source, std::uint64_t most_bytes)
    : source_(std::move(source)), most_bytes_(most_bytes), buffer_(std::size_t{1} << 16) {}

std::optional<ByteLines::Line> ByteLines::next() {
  Line line;
  std::uint64_t bytes = 0;
  bool ended = false;
  while (!ended) {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = source_(buffer_);
      if (end_ == 0) break;
    }
    const auto from = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
    const auto to = buffer_.begin() + static_cast<std::ptrdiff_t>(end_);
    const auto newline = std::find(from, to, std::byte{'\n'});
    const auto count = static_cast<std::size_t>(newline - from);
    bytes += count;
    line.too_long = bytes > most_bytes_;
    if (line.too_long) {
      line.text = {};
    } else {
      line.text.append(reinterpret_cast<const char*>(buffer_.data()) + begin_, count);
    }
    ended = newline != to;
    begin_ += count + (ended ? 1 : 0);
  }
  if (bytes == 0 && !ended) return std::nullopt;
  line.ended = ended;
  if (ended && line.text.ends_with('\r')) line.text.pop_back();
  return line;
}

}  // namespace lathe
