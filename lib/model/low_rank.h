// An adapter beside a matrix: y += s·B·(A·x), with A [rank, cols] and B [rows, rank].
//
// Both sums run in one written order (FloatKernels::matvec, ForwardKernels::add_low_rank), each row
// of input for itself: an adapter changes nothing about what the bits of a product depend on.
// Immutable, so thread-safe.
#pragma once

#include <cstdint>

#include "lathe/lora.h"

#include "model/linear_input.h"
#include "model/split.h"
#include "model/weight_memory.h"
#include "parallel/thread_pool.h"

namespace lathe {

class LowRank {
 public:
  // Copies the pair; the scale goes into B.
  explicit LowRank(const LoraPair& pair);

  std::uint64_t bytes() const noexcept { return a_.bytes().size() + b_.bytes().size(); }

  // y += s·B·(A·x) for all rows of the input and these rows of the matrix. May throw
  // std::bad_alloc.
  void add(ThreadPool& pool, LinearInput& input, Range rows, float* y, std::int64_t y_stride) const;

 private:
  std::int64_t rank_;
  std::int64_t cols_;
  std::int64_t rows_;
  WeightMemory a_;  // [rank][cols] floats
  WeightMemory b_;  // [rank][rows] floats: s·B, turned
};

}  // namespace lathe
