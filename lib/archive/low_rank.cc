#include "archive/low_rank.h"

#include <algorithm>
#include <cmath>

#include "base/pcg.h"
#include "kernels/onednn_sgemm.h"

namespace lathe::archive {
namespace {

// Directions that are followed: the highest rank, and some for certainty.
constexpr std::int64_t kDirections = 72;
// Floats of a difference that are in memory at a time.
constexpr std::int64_t kBlock = std::int64_t{1} << 20;
constexpr int kSweeps = 30;

using Floats = std::vector<float>;

// Rows of `a` made orthonormal, one after the other; those that depend on others become zeros.
void orthonormalize(Floats& a, std::int64_t n) {
  const auto row = [&](std::int64_t i) {
    return std::span(a).subspan(static_cast<std::size_t>(i * n), static_cast<std::size_t>(n));
  };
  const auto dot = [&](std::span<const float> x, std::span<const float> y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
    return sum;
  };
  for (std::int64_t i = 0; i < kDirections; ++i) {
    const auto x = row(i);
    const double before = std::sqrt(dot(x, x));
    // Twice, since what is subtracted first leaves its rounding.
    for (int turn = 0; turn < 2; ++turn) {
      for (std::int64_t j = 0; j < i; ++j) {
        const auto y = row(j);
        const auto share = static_cast<float>(dot(x, y));
        for (std::size_t k = 0; k < x.size(); ++k) x[k] -= share * y[k];
      }
    }
    const double after = std::sqrt(dot(x, x));
    const float scale = after > 1e-5 * before ? static_cast<float>(1.0 / after) : 0.0f;
    for (float& v : x) v *= scale;
  }
}

// The eigenvalues of a symmetric matrix, by Jacobi's rotations; the largest first.
std::vector<double> eigenvalues(std::vector<double> a, std::size_t n) {
  const auto at = [&](std::size_t i, std::size_t j) -> double& { return a[i * n + j]; };
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    double off = 0, diagonal = 0;
    for (std::size_t i = 0; i < n; ++i) {
      diagonal += at(i, i) * at(i, i);
      for (std::size_t j = i + 1; j < n; ++j) off += at(i, j) * at(i, j);
    }
    if (off <= 1e-24 * diagonal) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (at(p, q) == 0.0) continue;
        const double theta = (at(q, q) - at(p, p)) / (2.0 * at(p, q));
        const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(1.0, theta));
        const double c = 1.0 / std::hypot(1.0, t), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = at(k, p), y = at(k, q);
          at(k, p) = c * x - s * y;
          at(k, q) = s * x + c * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = at(p, k), y = at(q, k);
          at(p, k) = c * x - s * y;
          at(q, k) = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = at(i, i);
  std::ranges::sort(out, std::greater<>());
  return out;
}

// A difference, block of rows after block of rows.
class Difference {
 public:
  Difference(std::int64_t rows, std::int64_t cols, const DifferenceRows& read)
      : rows_(rows),
        cols_(cols),
        read_(read),
        at_a_time_(std::max<std::int64_t>(1, kBlock / cols)) {}

  // [directions, rows] of [directions, cols]; gives the sum of the difference's squares.
  double times(const Floats& directions, Floats& out) {
    Floats turned(static_cast<std::size_t>(cols_ * kDirections));
    transpose(directions, kDirections, cols_, turned);
    out.resize(static_cast<std::size_t>(rows_ * kDirections));
    double squares = 0;
    Floats product(static_cast<std::size_t>(at_a_time_ * kDirections));
    for_blocks([&](std::int64_t first, std::int64_t count) {
      for (const float x : block_) squares += static_cast<double>(x) * x;
      onednn_sgemm(block_.data(), cols_, count, turned.data(), kDirections, kDirections, cols_,
                   product.data(), kDirections);
      for (std::int64_t r = 0; r < count; ++r) {
        for (std::int64_t d = 0; d < kDirections; ++d) {
          out[static_cast<std::size_t>(d * rows_ + first + r)] =
              product[static_cast<std::size_t>(r * kDirections + d)];
        }
      }
    });
    return squares;
  }

  // [directions, cols] of [directions, rows].
  void transposed_times(const Floats& directions, Floats& out) {
    out.assign(static_cast<std::size_t>(cols_ * kDirections), 0.0f);
    Floats some(static_cast<std::size_t>(at_a_time_ * kDirections)), product(out.size());
    for_blocks([&](std::int64_t first, std::int64_t count) {
      for (std::int64_t d = 0; d < kDirections; ++d) {
        const auto from = directions.begin() + d * rows_ + first;
        std::copy(from, from + count, some.begin() + d * count);
      }
      onednn_sgemm(some.data(), count, kDirections, block_.data(), cols_, cols_, count,
                   product.data(), cols_);
      for (std::size_t i = 0; i < out.size(); ++i) out[i] += product[i];
    });
  }

 private:
  static void transpose(const Floats& from, std::int64_t rows, std::int64_t cols, Floats& to) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < cols; ++c) {
        to[static_cast<std::size_t>(c * rows + r)] = from[static_cast<std::size_t>(r * cols + c)];
      }
    }
  }

  template <typename Body>
  void for_blocks(Body&& body) {
    for (std::int64_t first = 0; first < rows_; first += at_a_time_) {
      const std::int64_t count = std::min(at_a_time_, rows_ - first);
      block_.resize(static_cast<std::size_t>(count * cols_));
      read_(first, block_);
      body(first, count);
    }
  }

  std::int64_t rows_, cols_;
  const DifferenceRows& read_;
  std::int64_t at_a_time_;
  Floats block_;
};

}  // namespace

void add_low_rank(std::int64_t rows, std::int64_t cols, const DifferenceRows& difference,
                  LowRankSums& sums) {
  Difference d(rows, cols, difference);
  Floats of_cols(static_cast<std::size_t>(cols * kDirections)), of_rows;
  Pcg32 random(static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols));
  for (float& x : of_cols) x = static_cast<float>(random.next()) / 2147483648.0f - 1.0f;
  const double all = d.times(of_cols, of_rows);
  if (!std::isfinite(all)) return;  // NaNs are no difference that anything of low rank explains
  orthonormalize(of_rows, rows);
  d.transposed_times(of_rows, of_cols);
  orthonormalize(of_cols, cols);
  d.times(of_cols, of_rows);
  orthonormalize(of_rows, rows);
  d.transposed_times(of_rows, of_cols);
  // The squares of its singular values are those of the difference, as far as these directions go.
  std::vector<double> square(static_cast<std::size_t>(kDirections * kDirections));
  for (std::int64_t i = 0; i < kDirections; ++i) {
    for (std::int64_t j = 0; j < kDirections; ++j) {
      double sum = 0;
      for (std::int64_t c = 0; c < cols; ++c) {
        sum += static_cast<double>(of_cols[static_cast<std::size_t>(i * cols + c)]) *
               of_cols[static_cast<std::size_t>(j * cols + c)];
      }
      square[static_cast<std::size_t>(i * kDirections + j)] = sum;
    }
  }
  const std::vector<double> values = eigenvalues(std::move(square), kDirections);
  for (std::size_t r = 0; r < sums.left.size(); ++r) {
    double kept = 0;
    for (int i = 0; i < LowRankSums::kRanks[r]; ++i) kept += values[static_cast<std::size_t>(i)];
    sums.left[r] += std::max(0.0, all - kept);
  }
  sums.all += all;
  ++sums.matrices;
}

}  // namespace lathe::archive
