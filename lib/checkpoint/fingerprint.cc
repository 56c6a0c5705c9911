#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "base/checksum.h"
#include "checkpoint/config_text.h"
#include "checkpoint/lathe_file.h"

namespace lathe {
namespace {

void add_tensor(const Checkpoint& checkpoint, std::size_t index, Checksum& sum) {
  const TensorInfo& info = checkpoint.tensors()[index];
  sum.add(fmt::format("{} {} [{}]\n", info.name, static_cast<int>(info.dtype),
                      fmt::join(info.shape, ",")));
  if (info.dtype == DType::kPacked) {
    return checkpoint.lend(index, [&](std::span<const std::byte> bytes) { sum.add(bytes); });
  }
  const std::span<const std::byte> bytes = checkpoint.bytes_in_place(index);
  if (!bytes.empty()) {
    sum.add(bytes);
    return;
  }
  const std::int64_t rows = info.rows();
  if (rows == 0) return;
  const auto row = static_cast<std::size_t>(info.bytes / static_cast<std::uint64_t>(rows));
  constexpr std::size_t kAtOnce = std::size_t{1} << 20;
  const auto step = static_cast<std::int64_t>(std::max<std::size_t>(1, kAtOnce / (row + 1)));
  std::vector<std::byte> buffer;
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    buffer.resize(static_cast<std::size_t>(count) * row);
    checkpoint.read_rows(index, first, count, buffer);
    sum.add(buffer);
  }
}

}  // namespace

std::string fingerprint(const Checkpoint& checkpoint) {
  const auto& metadata = checkpoint.metadata();
  if (const auto sum = metadata.find(lathe_file::kKeyHeaderSum);
      checkpoint.format() == CheckpointFormat::kLathe && sum != metadata.end()) {
    return "lathe " + sum->second;
  }
  Checksum sum;
  sum.add(config_text(checkpoint.config()));
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) add_tensor(checkpoint, i, sum);
  return "weights " + sum.text();
}

}  // namespace lathe
