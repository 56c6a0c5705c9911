// Experts that folders of gpt-oss hold in one tensor a layer, turned or in MXFP4, taken apart.
//
//   mlp.experts.gate_up_proj          [experts, hidden, 2 · width]  columns: gate, up, gate, up,
//   ... mlp.experts.down_proj             [experts, width, hidden] mlp.experts.gate_up_proj_bias
//   [experts, 2 · width] mlp.experts.gate_up_proj_blocks   [experts, 2 · width, hidden / 32, 16]
//   two codes of 4 bits a byte mlp.experts.gate_up_proj_scales   [experts, 2 · width, hidden / 32]
//   2^(scale - 127)
//
// MXFP4's values (OCP Microscaling Formats, 2023) are BF16's, too: they appear as such, exactly.
//
// Errors: kInvalid, naming the tensor, for another shape or type, or one half of a pair.
#pragma once

#include <vector>

#include "checkpoint/stored_checkpoint.h"

namespace lathe {

// Puts one tensor for each expert's matrix and bias, under the names of the table of tensors, in
// the place of those that hold all.
void split_experts(const TensorFile& file, const ModelConfig& config,
                   std::vector<FoundTensor>& found);

// Rows [first, first + count) of what `view` says of a tensor's bytes; `out` is tight.
void read_view(const TensorView& view, std::span<const std::byte> bytes, DType type,
               std::int64_t first, std::int64_t count, std::int64_t cols, std::span<std::byte> out);

}  // namespace lathe
