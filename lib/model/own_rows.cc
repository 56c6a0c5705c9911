#include "model/own_rows.h"

#include <algorithm>

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
               Member member) {
  const std::int64_t rows = matrix.rows();
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

}  // namespace lathe
