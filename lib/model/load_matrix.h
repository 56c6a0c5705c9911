// A tensor of a checkpoint as a matrix to multiply with.
#pragma once

#include <cstddef>
#include <memory>

#include "lathe/checkpoint_parts.h"

#include "model/weight_matrix.h"
#include "parallel/thread_pool.h"

namespace lathe {

// Whether the matrix is made of ggml's blocks, which takes a thread pool's time.
bool is_repacked(const TensorInfo& info) noexcept;

// Whether the matrix is another program's, which Checkpoint::bytes_in_place() packs when it is
// first asked for: into memory of its own already, and in time worth sharing.
bool is_packed_on_request(const Checkpoint& checkpoint, const TensorInfo& info) noexcept;

// The matrix uses the checkpoint's bytes in place where that can be, and the checkpoint must
// outlive it. ggml's blocks are re-expressed for the packed kernels (tensor/repack_blocks.h),
// shared among the pool's threads. Throws as Checkpoint does, kInvalid for a packed tensor that is
// none, and kLimit when memory is short. Only these rows can be multiplied with: of the others
// nothing is read.
std::unique_ptr<WeightMatrix> load_matrix(const Checkpoint& checkpoint, std::size_t tensor,
                                          ThreadPool& pool, Range rows);

}  // namespace lathe
