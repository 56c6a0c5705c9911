#include "quant/cholesky.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

// Columns that are finished together. What stands to their left is taken off by the kernels'
// products; what they take off each other is little.
constexpr std::int64_t kBlock = 64;
// Rows that a thread takes at a time.
constexpr std::int64_t kRows = 16;

class Factor {
 public:
  Factor(std::span<float> a, std::int64_t n, ThreadPool& pool)
      : a_(a.data()), n_(n), pool_(pool), left_(static_cast<std::size_t>(kBlock * n)) {}

  bool run() {
    for (first_ = 0; first_ < n_; first_ = end_) {
      end_ = std::min(n_, first_ + kBlock);
      take_off_left();
      if (!factor_block()) return false;
      pool_.parallel_for(n_ - end_, kRows, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = end_ + begin; r < end_ + end; ++r) solve_row(r);
      });
    }
    return true;
  }

 private:
  float* row(std::int64_t r) const { return a_ + r * n_; }

  // a[r][c] -= Σ_{k < first} L[r][k] · L[c][k], c of the block and r from there on.
  void take_off_left() {
    if (first_ == 0) return;
    for (std::int64_t c = first_; c < end_; ++c) {
      std::copy_n(row(c), first_, left_.data() + (c - first_) * first_);
    }
    const std::int64_t width = end_ - first_;
    pool_.parallel_for(n_ - first_, kRows, [&](std::int64_t begin, std::int64_t end) {
      float sums[kRows * kBlock];
      kernels().forward.f32.matvec(left_.data(), width, first_, row(first_ + begin), n_,
                                   end - begin, sums, kBlock);
      for (std::int64_t r = begin; r < end; ++r) {
        float* to = row(first_ + r) + first_;
        for (std::int64_t c = 0; c < width; ++c) to[c] -= sums[(r - begin) * kBlock + c];
      }
    });
  }

  bool factor_block() {
    for (std::int64_t r = first_; r < end_; ++r) {
      for (std::int64_t c = first_; c < r; ++c) row(r)[c] = divided(r, c);
      const double pivot = rest(r, r);
      if (!(pivot > 0.0) || !std::isfinite(pivot)) return false;
      row(r)[r] = static_cast<float>(std::sqrt(pivot));
    }
    return true;
  }

  void solve_row(std::int64_t r) {
    for (std::int64_t c = first_; c < end_; ++c) row(r)[c] = divided(r, c);
  }

  double rest(std::int64_t r, std::int64_t c) const {
    double sum = static_cast<double>(row(r)[c]);
    for (std::int64_t k = first_; k < c; ++k) {
      sum -= static_cast<double>(row(r)[k]) * static_cast<double>(row(c)[k]);
    }
    return sum;
  }
  float divided(std::int64_t r, std::int64_t c) const {
    return static_cast<float>(rest(r, c) / static_cast<double>(row(c)[c]));
  }

  float* a_;
  std::int64_t n_;
  ThreadPool& pool_;
  std::vector<float> left_;
  std::int64_t first_ = 0;
  std::int64_t end_ = 0;
};

}  // namespace

bool cholesky(std::span<float> a, std::int64_t n, ThreadPool& pool) {
  return Factor(a, n, pool).run();
}

}  // namespace lathe
