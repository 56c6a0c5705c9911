// Pages of keys and values from a cache folder: a file as it is, and with its header's checksum
// made right, so that what it claims is looked at.
#include <array>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "engine/page_file.h"
#include "fuzz_input.h"

namespace {

constexpr std::int64_t kTokens = 4;
constexpr std::size_t kPageBytes = 64;
constexpr std::size_t kKeyAt = 24;
constexpr std::size_t kSumAt = 40 + kTokens * sizeof(lathe::TokenId);

void open(const std::vector<std::byte>& bytes) {
  using namespace lathe;
  static const int fd = ::memfd_create("page", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  PageKey before;
  if (bytes.size() >= kKeyAt + sizeof before.words) {
    std::memcpy(before.words.data(), bytes.data() + kKeyAt, sizeof before.words);
  }
  PageFile page;
  if (open_page(path, before, kTokens, kPageBytes, page) != PageFileState::kGood) return;
  if (page.tokens.empty() || page.tokens.size() > static_cast<std::size_t>(kTokens)) std::abort();
  std::array<std::byte, kPageBytes> bytes_of_page;
  static_cast<void>(page.read_page(bytes_of_page));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = lathe::fuzz::bytes_of(data, size);
  std::vector<std::byte> bytes(input.begin(), input.end());
  open(bytes);
  if (size < kSumAt + sizeof(std::uint64_t)) return 0;
  const std::uint64_t sum = XXH3_64bits(bytes.data(), kSumAt);
  std::memcpy(bytes.data() + kSumAt, &sum, sizeof sum);
  open(bytes);
  return 0;
}
