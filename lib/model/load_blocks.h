// A matrix of ggml's blocks, re-expressed for the packed kernels when a model is loaded.
#pragma once

#include <cstddef>

#include "lathe/checkpoint.h"

#include "model/weight_memory.h"
#include "tensor/packed_matrix.h"

namespace lathe {

// `tensor` has a packed scheme (tensor/repack_blocks.h). Uses all cores this process may use.
// The matrix's bytes are `memory`'s. Throws as Checkpoint does, and kLimit.
PackedMatrix load_blocks(const Checkpoint& checkpoint, std::size_t tensor, WeightMemory* memory);

}  // namespace lathe
