#include "model/own_rows.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "base/escape.h"
#include "base/fail.h"
#include "model/load_matrix.h"

namespace lathe {

bool is_multiplied(const TensorInfo& tensor) noexcept {
  const TensorRole role = tensor.id.role;
  return tensor.shape.size() == 2 && !tensor.id.bias && role != TensorRole::kRouter &&
         role != TensorRole::kSharedSwitch;
}

std::int64_t grain_of(const Checkpoint& checkpoint) {
  const auto tensors = checkpoint.tensors();
  const bool quantized = std::all_of(tensors.begin(), tensors.end(), [](const TensorInfo& info) {
    return !is_multiplied(info) || info.dtype == DType::kPacked || is_repacked(info);
  });
  return quantized ? kQuantizedGrain : kFloatGrain;
}

Range own_rows(const TensorInfo& matrix, const ModelConfig& config, std::int64_t grain,
               const Share& share) {
  const std::int64_t rows = matrix.rows();
  const std::int64_t layer = matrix.id.layer;
  const bool there =
      layer < 0 ? share.ends : layer >= share.layers.first && layer < share.layers.last;
  if (!there) return {};
  const Member member = share.rows;
  if (member.size == 1) return {0, rows};
  const auto of_heads = [&](const Split& heads) {
    const AttentionConfig& a = config.layer(matrix.id.layer).attention;
    return widened(times(heads.of(member), a.head_dim), grain, rows);
  };
  switch (matrix.id.role) {
    case TensorRole::kQuery:
      return of_heads(heads_split(config.layer(matrix.id.layer).attention));
    case TensorRole::kKey:
    case TensorRole::kValue:
      return of_heads(kv_heads_split(config.layer(matrix.id.layer).attention));
    default:
      return Split{rows, grain}.of(member);
  }
}

std::vector<Range> layers_by_process(const Checkpoint& checkpoint, int processes) {
  const std::int64_t layers = checkpoint.config().num_layers();
  if (processes > layers) {
    fail_unsupported(
        "{}: each of {} processes needs a layer for itself, and there {}; without "
        "--pipeline they share the rows of each",
        quoted(checkpoint.path()), processes,
        layers == 1 ? "is one" : fmt::format("are {}", layers));
  }
  std::vector<double> bytes(static_cast<std::size_t>(layers));
  double output = 0.0;  // with an embedding that is the output matrix, too
  for (const TensorInfo& info : checkpoint.tensors()) {
    const auto size = static_cast<double>(info.bytes);
    if (info.id.layer >= 0) {
      bytes[static_cast<std::size_t>(info.id.layer)] += size;
    } else if (info.id.role == TensorRole::kHead || checkpoint.config().tie_word_embeddings) {
      output += size;
    }
  }
  const double all = std::accumulate(bytes.begin(), bytes.end(), output);
  std::vector<Range> out;
  double before = output;  // of the processes so far
  std::int64_t first = 0;
  for (int rank = 0; rank < processes; ++rank) {
    const std::int64_t most = layers - (processes - 1 - rank);  // one for each of the others
    const double until = all * (rank + 1) / processes;
    std::int64_t last = first;
    while (last < most) {
      const double layer = bytes[static_cast<std::size_t>(last)];
      if (last > first && rank + 1 < processes && before + layer / 2 > until) break;
      before += layer;
      ++last;
    }
    out.push_back({first, last});
    first = last;
  }
  return out;
}

}  // namespace lathe
