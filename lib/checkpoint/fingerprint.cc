#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"

#include "base/checksum.h"
#include "checkpoint/lathe_file.h"

namespace lathe {
namespace {

// Everything in a configuration that the forward pass looks at.
std::string describe(const ModelConfig& c) {
  const RopeConfig& r = c.rope;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {} [{}] {} {} | {} {} {} {} {} {} {} {} {} {} [{}]", c.vocab_size,
      c.hidden_size, c.intermediate_size, c.num_layers, c.num_heads, c.num_kv_heads, c.head_dim,
      c.max_position, c.sliding_window, fmt::join(c.windowed_layers, ","), c.rms_norm_eps,
      static_cast<int>(c.activation), r.theta, static_cast<int>(r.scaling), r.factor,
      r.original_max_position, r.low_freq_factor, r.high_freq_factor, r.beta_fast, r.beta_slow,
      r.attention_factor, r.truncate, fmt::join(r.frequency_factors, ","));
}

void add_tensor(const Checkpoint& checkpoint, std::size_t index, Checksum& sum) {
  const TensorInfo& info = checkpoint.tensors()[index];
  sum.add(fmt::format("{} {} [{}]\n", info.name, static_cast<int>(info.dtype),
                      fmt::join(info.shape, ",")));
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
  sum.add(describe(checkpoint.config()));
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) add_tensor(checkpoint, i, sum);
  return "weights " + sum.text();
}

}  // namespace lathe
