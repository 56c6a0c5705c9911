// zstd streams: an error or at most a megabyte.
#include "fuzz_input.h"
#include "io/zstd_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  fuzz::expect_no_bug([&] {
    ZstdReader reader(read_from_memory(fuzz::bytes_of(data, size)), "fuzz", kMost);
    std::byte buffer[5000];
    std::uint64_t total = 0;
    while (const std::size_t got = reader.read(buffer)) total += got;
    if (total > kMost) std::abort();
  });
  return 0;
}
