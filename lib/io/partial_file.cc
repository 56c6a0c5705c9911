#include "io/partial_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"
#include "io/file_descriptor.h"
#include "io/temporaries.h"

namespace lathe {
namespace {

// A FIFO that was put there must not make us wait for its other end.
constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

[[noreturn]] void refuse(const std::string& path, const char* what) {
  fail(ErrorCode::kIo,
       "{}: is {}, and no unfinished file of yours: it is not touched; move it away", quoted(path),
       what);
}

void require_ours(const std::string& path, const struct stat& about) {
  if (!S_ISREG(about.st_mode)) {
    refuse(path, S_ISDIR(about.st_mode) ? "a folder" : "a pipe, socket or device");
  }
  if (about.st_uid != ::geteuid()) refuse(path, "another user's");
  if (about.st_nlink > 1) refuse(path, "a file with a second name");
}

// What is there already, or nothing.
FileDescriptor open_existing(const std::string& path, int flags) {
  FileDescriptor file(::open(path.c_str(), kFlags | flags));
  if (!file.good() && errno == ELOOP) refuse(path, "a link");
  if (!file.good() && errno == EISDIR) refuse(path, "a folder");
  if (!file.good() && errno != ENOENT) {
    fail(ErrorCode::kIo, "{}: cannot open: {}", quoted(path), std::strerror(errno));
  }
  return file;
}

// A new file, or nothing where somebody was faster. A temporary is registered before it exists: a
// signal may come as soon as it does.
FileDescriptor create(const std::string& path, PartialUse use, int flags) {
  if (use == PartialUse::kTemporary) register_temporary(path.c_str());
  FileDescriptor file(::open(path.c_str(), kFlags | O_CREAT | O_EXCL | flags, 0600));
  if (file.good()) return file;
  const int error = errno;
  if (use == PartialUse::kTemporary) unregister_temporary(path.c_str());
  if (error != EEXIST)
    fail(ErrorCode::kIo, "{}: cannot create: {}", quoted(path), std::strerror(error));
  return file;
}

}  // namespace

std::optional<PartialFile> open_partial_file(const std::string& path, PartialUse use, int flags) {
  for (;;) {
    FileDescriptor file = open_existing(path, flags);
    const bool existed = file.good();
    if (!existed) file = create(path, use, flags);
    if (!file.good()) continue;
    const auto forget = [&] {
      if (!existed && use == PartialUse::kTemporary) unregister_temporary(path.c_str());
    };
    PartialFile out;
    out.locked = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    if (!out.locked && errno == EWOULDBLOCK) {
      forget();
      return std::nullopt;
    }
    // Until it was locked, its owner may have renamed or removed it.
    struct stat mine {
    }, named{};
    if (::fstat(file.get(), &mine) != 0 || ::lstat(path.c_str(), &named) != 0 ||
        mine.st_ino != named.st_ino || mine.st_dev != named.st_dev) {
      forget();
      continue;
    }
    if (existed) require_ours(path, mine);
    if (existed && use == PartialUse::kTemporary) register_temporary(path.c_str());
    // Whatever it was: until it is finished, nobody else is to read it or write into it.
    if ((mine.st_mode & 07777) != 0600) ::fchmod(file.get(), 0600);
    out.bytes = static_cast<std::uint64_t>(mine.st_size);
    out.fd = file.release();
    return out;
  }
}

int open_in_place(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  struct stat about {};
  if (!file.good() || ::fstat(file.get(), &about) != 0) {
    fail(ErrorCode::kIo, "{}: cannot open for writing: {}", quoted(path), std::strerror(errno));
  }
  // Looked at again: between the first look and now somebody may have put a file there.
  if (S_ISREG(about.st_mode)) {
    fail(ErrorCode::kIo, "{}: became a regular file while it was opened", quoted(path));
  }
  return file.release();
}

}  // namespace lathe
