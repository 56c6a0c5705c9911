// An adapter beside a matrix: y += s·B·(A·x), with A [rank, cols] and B [rows, rank].
#pragma once

#include <cstdint>
#include <memory>

#include "lathe/lora.h"

#include "model/linear_input.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Linear;

class LowRank {
 public:
  // Copies the pair; the scale goes into B.
  explicit LowRank(const LoraPair& pair);
  ~LowRank();

  std::uint64_t bytes() const noexcept;

  // y += s·B·(A·x) for all rows of the input. May throw std::bad_alloc.
  void add(ThreadPool& pool, LinearInput& input, float* y, std::int64_t y_stride) const;

 private:
  std::unique_ptr<Linear> a_, b_;
};

}  // namespace lathe
