// Folders that came quantized: "quantization_config" as JSON, a NUL, then a file of safetensors.
// What is accepted can be read as floats and packed, and packs into what is a packed tensor.
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "base/json.h"
#include "container/safetensors_reader.h"
#include "foreign/foreign.h"
#include "foreign/lazy_packed.h"
#include "fuzz_input.h"

namespace {

// Larger ones are as well formed as small ones, and take their time.
constexpr std::int64_t kMostElements = 1 << 20;

void use(const lathe::ForeignMatrix& matrix) {
  if (matrix.rows() > kMostElements / matrix.cols()) return;
  std::vector<float> row(static_cast<std::size_t>(matrix.cols()));
  for (const std::int64_t r : {std::int64_t{0}, matrix.rows() - 1}) {
    matrix.read_f32(r, 1, row.data());
  }
  const std::shared_ptr<const lathe::ForeignMatrix> shared(&matrix, [](const auto*) {});
  const lathe::LazyPacked packed(shared);
  const lathe::PackedMatrix view = lathe::view_packed(packed.bytes(), "fuzz");
  if (view.rows != matrix.rows() || view.cols != matrix.cols()) std::abort();
  unpack_row(view, matrix.rows() - 1, row.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto* end = std::find(data, data + size, std::uint8_t{0});
  if (end == data + size) return 0;
  const std::string_view config(reinterpret_cast<const char*>(data),
                                static_cast<std::size_t>(end - data));
  const std::size_t rest = size - config.size() - 1;
  const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ::write(fd, end + 1, rest) != static_cast<ssize_t>(rest)) std::abort();
  fuzz::expect_no_bug([&] {
    const auto file = SafetensorsReader::open(fmt::format("/proc/self/fd/{}", fd));
    const nlohmann::json json = parse_json(config, "fuzz");
    std::vector<ForeignPart> parts;
    for (std::size_t i = 0; i < file->tensors().size(); ++i) {
      parts.push_back({file->tensors()[i].name, i});
    }
    const JsonView view(json, "fuzz");
    if (!view.is_object()) return;
    const ForeignTensors found = find_foreign(view, *file, parts);
    for (const ForeignTensor& tensor : found.matrices) {
      fuzz::expect_no_bug([&] { use(*tensor.matrix); });
    }
  });
  ::close(fd);
  return 0;
}
