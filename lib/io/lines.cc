#include "lathe/host/lines.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>
#include <xxhash.h>

#include "lathe/host/lfs_pointer.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/zstd_stream.h"

namespace lathe {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class Descriptor {
 public:
  // `open`: what the caller has opened already; else -1.
  Descriptor(const std::string& path, int open) {
    owned_ = open < 0 && path != "-";
    if (open >= 0) {
      fd_ = open;
      ::lseek(fd_, 0, SEEK_SET);  // where there is a beginning
    }
    if (!owned_) return;
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail(ErrorCode::kIo, "{}: cannot open: {}", quoted(path), std::strerror(errno));
    struct stat about {};
    if (::fstat(fd_, &about) == 0 && S_ISDIR(about.st_mode)) {
      ::close(fd_);
      fail(ErrorCode::kIo, "{}: is a folder, not a file to read", quoted(path));
    }
    try {
      refuse_lfs_pointer(fd_, path);
    } catch (const Error&) {
      ::close(fd_);
      throw;
    }
  }
  ~Descriptor() {
    if (owned_) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }

 private:
  int fd_ = STDIN_FILENO;
  bool owned_ = false;
};

struct HashState {
  HashState() : state(XXH3_createState()) {
    if (state == nullptr) fail(ErrorCode::kLimit, "not enough memory to read lines");
  }
  ~HashState() { XXH3_freeState(state); }
  HashState(const HashState&) = delete;
  HashState& operator=(const HashState&) = delete;

  XXH3_state_t* state;
};

}  // namespace

struct LineSource::State {
  State(const std::string& path, const LineOptions& line_options)
      : options(line_options),
        name(path == "-" ? "standard input" : path),
        descriptor(path, line_options.descriptor),
        source(read_from_descriptor(descriptor.get(), name)) {}

  // False when the input is to be left alone from now on.
  bool wait_for_input() {
    if (options.cancel_descriptor < 0) return true;
    pollfd ready[2] = {{options.cancel_descriptor, POLLIN, 0}, {descriptor.get(), POLLIN, 0}};
    for (;;) {
      const int n = ::poll(ready, 2, -1);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return true;  // reading says what is wrong
      if (ready[0].revents != 0) cancelled = true;
      return !cancelled;
    }
  }

  std::size_t read_raw(std::span<std::byte> out) {
    if (!head.empty()) {
      const std::size_t n = std::min(out.size(), head.size());
      std::memcpy(out.data(), head.data(), n);
      head.erase(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(n));
      return n;
    }
    return wait_for_input() ? source(out) : 0;
  }

  // Reads what tells the format: four bytes for zstd, three for the byte order mark. A first
  // line that is shorter is not waited beyond: somebody may be typing.
  void begin() {
    begun = true;
    while (head.size() < 4 && std::find(head.begin(), head.end(), std::byte{'\n'}) == head.end()) {
      if (!wait_for_input()) return;
      std::byte piece[4];
      const std::size_t n = source(std::span(piece, 4 - head.size()));
      if (n == 0) break;
      head.insert(head.end(), piece, piece + n);
    }
    if (looks_like_zstd(head)) {
      zstd = std::make_unique<ZstdReader>(
          [this](std::span<std::byte> out) { return read_raw(out); }, name, options.most_bytes);
      return;
    }
    const std::string_view seen(reinterpret_cast<const char*>(head.data()), head.size());
    if (seen.starts_with(kByteOrderMark)) drop_mark();
  }

  void drop_mark() {
    head.erase(head.begin(), head.begin() + kByteOrderMark.size());
    offset += kByteOrderMark.size();
  }

  // Appends to the buffer; false at the end.
  bool fill() {
    if (!begun) begin();
    if (at_end || cancelled) return false;
    buffer.erase(0, start);
    start = 0;
    const std::size_t old = buffer.size();
    const std::size_t more = std::max(kPiece, old / 2);
    buffer.resize(old + more);
    const auto out = std::as_writable_bytes(std::span(buffer)).subspan(old);
    const std::size_t n = zstd ? read_zstd(out) : read_raw(out);
    buffer.resize(old + n);
    at_end = n == 0;
    if (zstd && first_piece && std::string_view(buffer).starts_with(kByteOrderMark)) {
      buffer.erase(0, kByteOrderMark.size());
      offset += kByteOrderMark.size();
    }
    first_piece = false;
    return n > 0;
  }

  std::size_t read_zstd(std::span<std::byte> out) {
    try {
      return zstd->read(out);
    } catch (const Error&) {
      if (cancelled) return 0;  // the frame seems cut because nobody read on
      throw;
    }
  }

  LineOptions options;
  std::string name;
  Descriptor descriptor;
  ByteSource source;
  std::unique_ptr<ZstdReader> zstd;
  std::vector<std::byte> head;  // read while the format was in question
  std::string buffer;
  std::size_t start = 0;  // of what is not given out yet
  std::uint64_t offset = 0;
  bool begun = false, first_piece = true, at_end = false, cancelled = false;
};

LineSource::LineSource(const std::string& path, const LineOptions& options)
    : state_(std::make_unique<State>(path, options)) {}

LineSource::~LineSource() = default;

std::uint64_t LineSource::offset() const noexcept { return state_->offset; }

bool LineSource::cancelled() const noexcept { return state_->cancelled; }

std::optional<InputLine> LineSource::next() {
  State& s = *state_;
  const auto give = [&](std::string_view text, bool ended) {
    s.start += text.size() + (ended ? 1 : 0);
    s.offset += text.size() + (ended ? 1 : 0);
    if (ended && text.ends_with('\r')) text.remove_suffix(1);
    InputLine line{text, text.size(), XXH3_64bits(text.data(), text.size()), false, ended};
    line.too_long = text.size() > s.options.longest;
    line.text = text.substr(0, s.options.longest);
    return line;
  };
  std::size_t searched = 0;  // bytes after `start` known to hold no newline
  for (;;) {
    const std::string_view rest = std::string_view(s.buffer).substr(s.start);
    const auto newline = rest.find('\n', searched);
    if (newline != std::string_view::npos) return give(rest.substr(0, newline), true);
    searched = rest.size();
    if (searched > s.options.longest + 1) break;  // one more for '\r'
    if (!s.fill()) {
      if (s.cancelled || searched == 0) return std::nullopt;
      return give(std::string_view(s.buffer).substr(s.start), false);
    }
  }

  // Too long: keep its beginning and pass over the rest, piece by piece.
  InputLine line;
  line.too_long = true;
  line.ended = false;
  const HashState hash;
  XXH3_64bits_reset(hash.state);
  bool held = false;  // a '\r' that may belong to the line's end
  const auto take = [&](std::string_view piece) {
    if (piece.empty()) return;
    if (held) XXH3_64bits_update(hash.state, "\r", 1);
    held = piece.back() == '\r';
    XXH3_64bits_update(hash.state, piece.data(), piece.size() - (held ? 1 : 0));
    line.bytes += piece.size();
    s.offset += piece.size();
  };
  const std::string beginning = s.buffer.substr(s.start, s.options.longest);
  take(std::string_view(s.buffer).substr(s.start));
  for (;;) {
    s.start = s.buffer.size();
    if (!s.fill()) break;
    const auto newline = s.buffer.find('\n');
    take(std::string_view(s.buffer).substr(0, newline));
    if (newline == std::string::npos) continue;
    s.start = newline + 1;
    ++s.offset;
    line.ended = true;
    break;
  }
  if (s.cancelled) return std::nullopt;
  if (held && !line.ended) XXH3_64bits_update(hash.state, "\r", 1);
  if (held && line.ended) --line.bytes;
  line.hash = XXH3_64bits_digest(hash.state);
  s.buffer.replace(0, s.start, beginning);
  s.start = beginning.size();
  line.text = std::string_view(s.buffer).substr(0, s.start);
  return line;
}

}  // namespace lathe
