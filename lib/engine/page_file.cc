#include "engine/page_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "lathe/host/output_file.h"

#include "base/escape.h"
#include "base/fail.h"
#include "io/foreign_hand.h"

namespace lathe {
namespace {

constexpr std::array<char, 8> kMagic = {'L', 'T', 'H', 'K', 'V', 'P', 'G', '1'};
constexpr std::size_t kDataAlignment = 4096;
constexpr std::size_t kTokensAt = 40;

static_assert(std::endian::native == std::endian::little, "pages are stored as they are in memory");

std::size_t sums_at(std::int64_t page_tokens) noexcept {
  return kTokensAt + static_cast<std::size_t>(page_tokens) * sizeof(TokenId);
}

std::size_t data_at(std::int64_t page_tokens) noexcept {
  const std::size_t header = sums_at(page_tokens) + 2 * sizeof(std::uint64_t);
  return (header + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
}

template <typename T>
T read_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename T>
void write_to(std::vector<std::byte>& bytes, std::size_t at, const T& value) noexcept {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

PageKey to_key(XXH128_hash_t hash) noexcept { return {{hash.low64, hash.high64}}; }

// A file without a name, which ends with its writer until it is linked.
class UnnamedFile {
 public:
  explicit UnnamedFile(const std::string& path)
      : path_(path),
        file_(::open(path.substr(0, path.find_last_of('/')).c_str(),
                     O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) {}

  // Not every file system has such files.
  bool good() const noexcept { return file_.good(); }

  void write(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail(ErrorCode::kIo, "{}: cannot write: {}", quoted(path_), std::strerror(errno));
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
  // Where somebody was faster, theirs stays: it says the same. False without /proc.
  bool link() const noexcept {
    const std::string self = fmt::format("/proc/self/fd/{}", file_.get());
    return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0 ||
           errno == EEXIST;
  }

 private:
  const std::string& path_;
  FileDescriptor file_;
};

}  // namespace

std::string PageKey::text() const { return fmt::format("{:016x}{:016x}", words[1], words[0]); }

PageKey page_key(std::string_view identity) {
  return to_key(XXH3_128bits(identity.data(), identity.size()));
}

PageKey page_key(const PageKey& before, std::span<const TokenId> tokens) {
  std::vector<std::byte> bytes(sizeof before.words + tokens.size_bytes());
  write_to(bytes, 0, before.words);
  if (!tokens.empty()) {
    std::memcpy(bytes.data() + sizeof before.words, tokens.data(), tokens.size_bytes());
  }
  return to_key(XXH3_128bits(bytes.data(), bytes.size()));
}

bool PageFile::read_page(std::span<std::byte> out) const noexcept {
  return file.read_at(page_at, out) && XXH3_64bits(out.data(), out.size()) == checksum;
}

PageFileState open_page(const std::string& path, const PageKey& before, std::int64_t page_tokens,
                        std::size_t page_bytes, PageFile& out) {
  // O_NONBLOCK: opening a FIFO that nobody writes must not hang.
  out.file = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!out.file.good() && errno == ELOOP) return PageFileState::kForeign;
  struct stat about {};
  if (out.file.good() && ::fstat(out.file.get(), &about) == 0 && foreign_hand(about)) {
    return PageFileState::kForeign;
  }
  const std::optional<std::uint64_t> size = out.file.size();
  if (!size) return PageFileState::kMissing;
  const std::size_t sums = sums_at(page_tokens);
  std::vector<std::byte> header(sums + 2 * sizeof(std::uint64_t));
  if (*size != page_file_bytes(page_tokens, page_bytes) || !out.file.read_at(0, header)) {
    return PageFileState::kDamaged;
  }
  const auto count = read_at<std::uint32_t>(header, 12);
  if (std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0 ||
      read_at<std::uint32_t>(header, 8) != static_cast<std::uint32_t>(page_tokens) || count == 0 ||
      count > static_cast<std::uint32_t>(page_tokens) ||
      read_at<std::uint64_t>(header, 16) != page_bytes ||
      read_at<std::array<std::uint64_t, 2>>(header, 24) != before.words ||
      read_at<std::uint64_t>(header, sums) != XXH3_64bits(header.data(), sums)) {
    return PageFileState::kDamaged;
  }
  out.tokens.resize(count);
  std::memcpy(out.tokens.data(), header.data() + kTokensAt, count * sizeof(TokenId));
  out.page_at = data_at(page_tokens);
  out.checksum = read_at<std::uint64_t>(header, sums + sizeof(std::uint64_t));
  return PageFileState::kGood;
}

std::uint64_t page_file_bytes(std::int64_t page_tokens, std::size_t page_bytes) noexcept {
  return data_at(page_tokens) + page_bytes;
}

void write_page(const std::string& path, const PageKey& before, std::int64_t page_tokens,
                std::span<const TokenId> tokens, std::span<const std::byte> page) {
  const std::size_t sums = sums_at(page_tokens);
  std::vector<std::byte> header(data_at(page_tokens));
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  write_to(header, 8, static_cast<std::uint32_t>(page_tokens));
  write_to(header, 12, static_cast<std::uint32_t>(tokens.size()));
  write_to(header, 16, static_cast<std::uint64_t>(page.size()));
  write_to(header, 24, before.words);
  std::memcpy(header.data() + kTokensAt, tokens.data(), tokens.size_bytes());
  write_to<std::uint64_t>(header, sums, XXH3_64bits(header.data(), sums));
  write_to<std::uint64_t>(header, sums + sizeof(std::uint64_t),
                          XXH3_64bits(page.data(), page.size()));
  const UnnamedFile unnamed(path);
  if (unnamed.good()) {
    unnamed.write(header);
    unnamed.write(page);
    if (unnamed.link()) return;
  }
  OutputFile file(path, true);
  file.write(header);
  file.write(page);
  file.commit(false);
  ::chmod(path.c_str(), 0600);
}

}  // namespace lathe
