// Importance matrices: GGUF, and the older counts and sums of llama.cpp. An accepted one holds
// numbers that are none below zero.
#include <cmath>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lathe/importance.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  static const int fd = ::memfd_create("importance", MFD_CLOEXEC);
  if (fd < 0 || ::ftruncate(fd, 0) != 0 ||
      ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  fuzz::expect_no_bug([] {
    const ImportanceMatrix matrix = read_importance(fmt::format("/proc/self/fd/{}", fd));
    for (const auto& [name, columns] : matrix.columns) {
      for (const float x : columns) {
        if (!std::isfinite(x) || x < 0.0F) std::abort();
      }
    }
  });
  return 0;
}
