// Whole files of every kind (.lathe, GGUF, llama2.c): an accepted one can be read to the last
// row, and its tensors fit the configuration.
#include <algorithm>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lathe/checkpoint_parts.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ::write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  fuzz::expect_no_bug([&] {
    const auto checkpoint = Checkpoint::open(fmt::format("/proc/self/fd/{}", fd));
    std::vector<float> row;
    for (std::size_t i = 0; i < checkpoint->tensors().size(); ++i) {
      const TensorInfo& info = checkpoint->tensors()[i];
      row.resize(static_cast<std::size_t>(info.cols()));
      for (const std::int64_t r : {std::int64_t{0}, info.rows() - 1}) {
        fuzz::expect_no_bug([&] { checkpoint->read_rows_f32(i, r, 1, row); });
      }
      const auto bytes = checkpoint->bytes_in_place(i);
      if (!bytes.empty() && bytes.size() != info.bytes) std::abort();
    }
    if (checkpoint->has_model() && !checkpoint->find("model.norm.weight")) std::abort();
  });
  ::close(fd);
  return 0;
}
