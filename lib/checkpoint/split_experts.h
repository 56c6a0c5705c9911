// Experts that folders of gpt-oss hold in one tensor a layer, turned or in MXFP4, taken apart.
//
// Turned, gate and up in columns by turns:
//
//   [experts, hidden, 2 * width], [experts, width, hidden]
//
// In MXFP4, gate and up in rows by turns, two codes of 4 bits in a byte:
//
//   "_blocks" [experts, 2 * width, hidden / 32, 16], "_scales" [experts, 2 * width, hidden / 32],
//   where a scale s is 2^(s - 127)
//
// Biases beside either: [experts, 2 * width], [experts, hidden].
//
// The matrices appear in MXFP4's blocks (tensor/blocks/grid_blocks.h), which have the same numbers
// in another order.
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
