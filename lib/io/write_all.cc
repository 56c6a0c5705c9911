#include "io/write_all.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

void write_all(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "{}: cannot write: {}", quoted(path), std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void write_all(int fd, std::string_view text, const std::string& path) {
  write_all(fd, std::as_bytes(std::span(text.data(), text.size())), path);
}

}  // namespace lathe
