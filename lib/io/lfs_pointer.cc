#include "lathe/host/lfs_pointer.h"

#include <array>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxBytes = 1024;

}  // namespace

void refuse_lfs_pointer(std::span<const std::byte> bytes, const std::string& path) {
  constexpr std::string_view kBegin = "version https://git-lfs.github.com/spec/";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() > kMaxBytes || !text.starts_with(kBegin)) return;
  fail_invalid(
      "{}: is a pointer of Git LFS, not the file itself: fetch that with \"git lfs pull\", or "
      "download it",
      quoted(path));
}

void refuse_lfs_pointer(int descriptor, const std::string& path) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode)) return;
  if (about.st_size > static_cast<off_t>(kMaxBytes)) return;
  std::array<std::byte, kMaxBytes> bytes;
  const ssize_t n = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  if (n > 0) refuse_lfs_pointer(std::span(bytes).first(static_cast<std::size_t>(n)), path);
}

}  // namespace lathe
