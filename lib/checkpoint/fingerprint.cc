#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <tuple>
#include <vector>

#include "lathe/checkpoint.h"

#include "base/checksum.h"
#include "checkpoint/lathe_file.h"

namespace lathe {
namespace {

// Everything in a configuration that the forward pass looks at. A record is taken apart whole,
// so that a new field does not compile before it is decided here whether it counts.
std::string describe(const RopeConfig& rope) {
  const auto& [theta, scaling, factor, original, low, high, fast, slow, attention, truncate,
               factors] = rope;
  return fmt::format("rope {} {} {} {} {} {} {} {} {} {} [{}]", theta, static_cast<int>(scaling),
                     factor, original, low, high, fast, slow, attention, truncate,
                     fmt::join(factors, ","));
}

std::string describe(const AttentionConfig& a) {
  const auto& [heads, kv_heads, head_dim, window, rope, qk_norm, qkv_bias, output_bias] = a;
  return fmt::format("{} {} {} {} {} {} {} {}", heads, kv_heads, head_dim, window, describe(rope),
                     static_cast<int>(qk_norm), qkv_bias, output_bias);
}

std::string describe(const MlpConfig& mlp) {
  const auto& [width, activation, bias] = mlp;
  return fmt::format("{} {} {}", width, static_cast<int>(activation), bias);
}

std::string describe(const LayerConfig& layer) {
  const auto& [mixer, attention, mlp] = layer;
  return fmt::format("{} {} {}", static_cast<int>(mixer), describe(attention), describe(mlp));
}

std::string describe(const ModelConfig& config) {
  const auto& [family, name, vocab, hidden, positions, eps, tied, layers, bos, eos, pad] = config;
  // Names say nothing of the numbers, and tokens are the generator's.
  static_cast<void>(std::tie(family, name, bos, eos, pad));
  std::string text = fmt::format("{} {} {} {} {}\n", vocab, hidden, positions, eps, tied);
  for (const LayerConfig& layer : layers) text += describe(layer) + '\n';
  return text;
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
