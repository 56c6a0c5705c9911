#include "lathe/host/output_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/partial_file.h"
#include "io/temporaries.h"

namespace lathe {
namespace {

// The file grows in aligned pieces of this size: a file system with large folios then keeps
// them as large pages, which whoever maps the file (a model, soon after it was written) gets.
constexpr std::size_t kBufferSize = std::size_t{4} << 20;
constexpr std::uint64_t kWritebackStep = std::uint64_t{16} << 20;

}  // namespace

ByteOutput::~ByteOutput() = default;

void ByteOutput::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
}

void ByteOutput::keep(std::uint64_t bytes) {
  fail(ErrorCode::kBug, "{} bytes are to be kept where there is nothing", bytes);
}

struct OutputFile::State {
  std::string path;
  std::string temporary;  // empty when written in place
  bool overwrite = false;
  bool partial = false;
  bool keep_on_failure = false;
  bool prepared = false;
  bool committed = false;
  int fd = -1;
  mode_t mode = 0;
  std::uint64_t size = 0;
  std::uint64_t left = 0;    // bytes that an earlier run left
  std::uint64_t on_way = 0;  // bytes that the kernel was told to write to the disk
  std::vector<std::byte> buffer;

  [[noreturn]] void fail_errno(const char* doing) const {
    fail(ErrorCode::kIo, "{}: cannot {}: {}", quoted(path), doing, std::strerror(errno));
  }

  // The disk begins while the program computes: the flush at the end has little left to wait for.
  void start_writeback() {
    if (temporary.empty()) return;
    const off_t end = ::lseek(fd, 0, SEEK_CUR);
    if (end < 0 || static_cast<std::uint64_t>(end) < on_way + kWritebackStep) return;
    ::sync_file_range(fd, static_cast<off_t>(on_way), end - static_cast<off_t>(on_way),
                      SYNC_FILE_RANGE_WRITE);
    on_way = static_cast<std::uint64_t>(end);
  }

  void write_all(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_errno("write");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    start_writeback();
  }

  void flush() {
    write_all(buffer);
    buffer.clear();
  }
};

// Opens and locks NAME.partial. False where another process has it, or where nothing can be
// locked and nobody asked for what is left.
bool OutputFile::open_partial(bool resume) {
  State& s = *state_;
  s.temporary = s.path + ".partial";
  std::optional<PartialFile> partial;
  try {
    partial = open_partial_file(s.temporary, resume ? PartialUse::kKept : PartialUse::kTemporary);
  } catch (...) {
    s.temporary.clear();  // not ours to remove
    throw;
  }
  if (partial) s.fd = partial->fd;
  if (!partial || (!partial->locked && !resume)) {
    if (partial) unregister_temporary(s.temporary.c_str());
    if (partial) ::close(std::exchange(s.fd, -1));
    s.temporary.clear();
    return false;
  }
  s.left = partial->bytes;
  s.partial = true;
  s.keep_on_failure = resume;
  if (!resume) drop_left();
  return true;
}

void OutputFile::open_unnamed() {
  State& s = *state_;
  for (int attempt = 0; s.fd < 0; ++attempt) {
    s.temporary = fmt::format("{}.tmp.{}.{}", s.path, ::getpid(), attempt);
    // Registered before it exists: a signal may come as soon as it does.
    register_temporary(s.temporary.c_str());
    s.fd = ::open(s.temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s.fd >= 0) break;
    const int error = errno;
    unregister_temporary(s.temporary.c_str());
    errno = error;
    if (error != EEXIST || attempt > 1000) {
      s.temporary.clear();  // not ours to remove
      s.fail_errno("create");
    }
  }
}

OutputFile::OutputFile(std::string path, bool overwrite)
    : OutputFile(std::move(path), OutputOptions{.overwrite = overwrite}) {}

OutputFile::OutputFile(std::string path, const OutputOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = std::move(path);
  s.overwrite = options.overwrite;
  s.mode = default_mode();
  s.buffer.reserve(kBufferSize);
  struct stat old {};
  if (::stat(s.path.c_str(), &old) == 0) {
    if (S_ISDIR(old.st_mode)) {
      fail(ErrorCode::kIo, "{}: is a folder, not a file to write", quoted(s.path));
    }
    if (!S_ISREG(old.st_mode)) {
      s.fd = open_in_place(s.path);
      return;
    }
    if (!options.overwrite) {
      fail(ErrorCode::kIo, "{}: the file exists; use --force to replace it", quoted(s.path));
    }
    s.mode = replacing_mode(old.st_mode);
    s.path = behind_links(s.path);
  }
  if (options.partial && open_partial(options.resume)) return;
  if (options.resume) {
    fail(ErrorCode::kIo, "{}.partial: another process is writing it", quoted(s.path));
  }
  open_unnamed();
}

OutputFile::~OutputFile() {
  State& s = *state_;
  if (!s.temporary.empty()) {
    if (!s.committed && !s.keep_on_failure) ::unlink(s.temporary.c_str());
    if (!s.keep_on_failure) unregister_temporary(s.temporary.c_str());
  }
  if (s.fd >= 0) ::close(s.fd);  // the lock of a partial file goes last
}

bool OutputFile::is_partial() const noexcept { return state_->partial; }
std::uint64_t OutputFile::left() const noexcept { return state_->left; }

void OutputFile::read_left(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = ::pread(state_->fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) state_->fail_errno("read the partial file of");
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
}

void OutputFile::drop_left() {
  if (::ftruncate(state_->fd, 0) != 0) state_->fail_errno("empty the partial file of");
  state_->left = 0;
}

void OutputFile::keep(std::uint64_t bytes) {
  State& s = *state_;
  s.flush();
  if (bytes > s.left || s.size > s.left - bytes) ByteOutput::keep(bytes);
  s.size += bytes;
  s.on_way = s.size;
  if (::lseek(s.fd, static_cast<off_t>(s.size), SEEK_SET) < 0) s.fail_errno("seek in");
}

void OutputFile::write(std::span<const std::byte> bytes) {
  State& s = *state_;
  while (!bytes.empty()) {
    // Where a flush came before its time (write_at), the next one ends the piece begun, so that
    // those behind it are whole and aligned again.
    const auto room = kBufferSize - static_cast<std::size_t>(s.size % kBufferSize);
    if (room == kBufferSize && bytes.size() >= kBufferSize) {
      const std::size_t whole = bytes.size() / kBufferSize * kBufferSize;
      s.size += whole;
      s.write_all(bytes.first(whole));
      bytes = bytes.subspan(whole);
      continue;
    }
    const auto piece = bytes.first(std::min(bytes.size(), room));
    s.buffer.insert(s.buffer.end(), piece.begin(), piece.end());
    s.size += piece.size();
    bytes = bytes.subspan(piece.size());
    if (piece.size() == room) s.flush();
  }
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  State& s = *state_;
  s.flush();
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(s.fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) s.fail_errno("write");
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

std::uint64_t OutputFile::size() const noexcept { return state_->size; }

void OutputFile::prepare(bool durable) {
  State& s = *state_;
  if (s.prepared) return;
  s.flush();
  if (!s.temporary.empty() && durable && ::fsync(s.fd) != 0) s.fail_errno("flush to disk");
  s.prepared = true;
}

void OutputFile::commit(bool durable) {
  State& s = *state_;
  prepare(durable);
  if (s.temporary.empty()) {
    const int closed = ::close(s.fd);
    s.fd = -1;
    if (closed != 0) s.fail_errno("close");
    s.committed = true;
    return;
  }
  // The log of a partial file goes last: until now a run that was killed could be taken up.
  if (s.partial && ::ftruncate(s.fd, static_cast<off_t>(s.size)) != 0) {
    s.fail_errno("cut the scratch room off");
  }
  if (s.partial && durable && ::fsync(s.fd) != 0) s.fail_errno("flush to disk");
  if (::fchmod(s.fd, s.mode) != 0) s.fail_errno("set the mode of");
  give_final_name(s.temporary, s.path, s.overwrite, durable);
  s.committed = true;
  const int closed = ::close(s.fd);  // only now: it holds the lock of a partial file
  s.fd = -1;
  if (closed != 0) s.fail_errno("close");
}

}  // namespace lathe
