#include "calibrate/product_sums.h"

#include <algorithm>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

// Inputs whose products with all others a thread makes at a time.
constexpr std::int64_t kBlock = 32;
// Of those others, as many at a time.
constexpr std::int64_t kBatch = 48;

std::size_t size_of(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

void ProductSums::add(const float* x, std::int64_t rows, std::int64_t cols, ThreadPool& pool) {
  cols_ = cols;
  rows_ += rows;
  sums_.resize(size_of(cols * cols));
  turned_.resize(size_of(cols * rows));
  pool.parallel_for(cols, kBlock, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = first; c < last; ++c) turned_[size_of(c * rows + r)] = x[r * cols + c];
    }
  });
  pool.parallel_for(cols, kBlock, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t width = last - first;
    float products[kBatch * kBlock];
    for (std::int64_t r = first; r < cols; r += kBatch) {
      const std::int64_t count = std::min(kBatch, cols - r);
      kernels().forward.f32.matvec(turned_.data() + first * rows, width, rows,
                                   turned_.data() + r * rows, rows, count, products, kBlock);
      for (std::int64_t i = 0; i < count; ++i) {
        float* sum = sums_.data() + (r + i) * cols + first;
        for (std::int64_t c = 0; c < width; ++c) sum[c] += products[i * kBlock + c];
      }
    }
  });
}

std::vector<float> ProductSums::take_mean(ThreadPool& pool) {
  const float by = rows_ == 0 ? 0.0f : 1.0f / static_cast<float>(rows_);
  pool.parallel_for(cols_, kBlock, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      for (std::int64_t c = 0; c <= r; ++c) sums_[size_of(r * cols_ + c)] *= by;
    }
  });
  pool.parallel_for(cols_, kBlock, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      for (std::int64_t c = r + 1; c < cols_; ++c) {
        sums_[size_of(r * cols_ + c)] = sums_[size_of(c * cols_ + r)];
      }
    }
  });
  turned_ = {};
  return std::move(sums_);
}

}  // namespace lathe
