// E[x xᵀ] of the inputs of a matrix, from the rows that a session shows.
//
// Sums are in one written order, so the same rows give the same bits for every number of threads
// and every kernel table. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "parallel/thread_pool.h"

namespace lathe {

class ProductSums {
 public:
  // Adds rows × cols floats, tight; `cols` is the same in all calls. May throw std::bad_alloc.
  void add(const float* x, std::int64_t rows, std::int64_t cols, ThreadPool& pool);

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  // The mean, cols × cols, symmetric. Ends the adding.
  std::vector<float> take_mean(ThreadPool& pool);

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::vector<float> sums_;    // the lower triangle counts
  std::vector<float> turned_;  // [cols][rows], of one call
};

}  // namespace lathe
