#include "io/file_descriptor.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

namespace lathe {

FileDescriptor::~FileDescriptor() {
  if (good()) ::close(fd_);
}

std::optional<std::uint64_t> FileDescriptor::size() const noexcept {
  struct stat about {};
  if (::fstat(fd_, &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(about.st_size);
}

bool FileDescriptor::read_at(std::uint64_t offset, std::span<std::byte> out) const noexcept {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace lathe
