#include "lathe/output_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/temporaries.h"

namespace lathe {
namespace {

// The file grows in aligned pieces of this size: a file system with large folios then keeps
// them as large pages, which whoever maps the file (a model, soon after it was written) gets.
constexpr std::size_t kBufferSize = std::size_t{4} << 20;

}  // namespace

struct OutputFile::State {
  std::string path;
  std::string temporary;  // empty when written in place
  bool overwrite = false;
  bool committed = false;
  int fd = -1;
  mode_t mode = 0;
  std::uint64_t size = 0;
  std::vector<std::byte> buffer;

  [[noreturn]] void fail_errno(const char* doing) const {
    fail(ErrorCode::kIo, "{}: cannot {}: {}", quoted(path), doing, std::strerror(errno));
  }

  void write_all(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_errno("write");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void flush() {
    write_all(buffer);
    buffer.clear();
  }
};

OutputFile::OutputFile(std::string path, bool overwrite) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = std::move(path);
  s.overwrite = overwrite;
  s.mode = default_mode();
  s.buffer.reserve(kBufferSize);
  struct stat old {};
  if (::stat(s.path.c_str(), &old) == 0) {
    if (S_ISDIR(old.st_mode)) {
      fail(ErrorCode::kIo, "{}: is a folder, not a file to write", quoted(s.path));
    }
    if (!S_ISREG(old.st_mode)) {
      s.fd = ::open(s.path.c_str(), O_WRONLY | O_CLOEXEC);
      if (s.fd < 0) s.fail_errno("open for writing");
      return;
    }
    if (!overwrite) {
      fail(ErrorCode::kIo, "{}: the file exists; use --force to replace it", quoted(s.path));
    }
    s.mode = old.st_mode & static_cast<mode_t>(07777);
  }
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

OutputFile::~OutputFile() {
  State& s = *state_;
  if (s.fd >= 0) ::close(s.fd);
  if (!s.temporary.empty()) {
    if (!s.committed) ::unlink(s.temporary.c_str());
    unregister_temporary(s.temporary.c_str());
  }
}

void OutputFile::write(std::span<const std::byte> bytes) {
  State& s = *state_;
  s.size += bytes.size();
  while (!bytes.empty()) {
    if (s.buffer.empty() && bytes.size() >= kBufferSize) {
      const std::size_t whole = bytes.size() / kBufferSize * kBufferSize;
      s.write_all(bytes.first(whole));
      bytes = bytes.subspan(whole);
      continue;
    }
    const auto piece = bytes.first(std::min(bytes.size(), kBufferSize - s.buffer.size()));
    s.buffer.insert(s.buffer.end(), piece.begin(), piece.end());
    bytes = bytes.subspan(piece.size());
    if (s.buffer.size() == kBufferSize) s.flush();
  }
}

void OutputFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
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

void OutputFile::commit(bool durable) {
  State& s = *state_;
  s.flush();
  if (s.temporary.empty()) {
    const int closed = ::close(s.fd);
    s.fd = -1;
    if (closed != 0) s.fail_errno("close");
    s.committed = true;
    return;
  }
  if (durable && ::fsync(s.fd) != 0) s.fail_errno("flush to disk");
  if (::fchmod(s.fd, s.mode) != 0) s.fail_errno("set the mode of");
  const int closed = ::close(s.fd);
  s.fd = -1;
  if (closed != 0) s.fail_errno("close");
  give_final_name(s.temporary, s.path, s.overwrite, durable);
  s.committed = true;
}

}  // namespace lathe
