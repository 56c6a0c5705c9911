// Error feedback: what rounding a weight does to the products of its row, the weights that are
// rounded after it make good.
//
// With H = E[x xᵀ] of the inputs x, a row q in the place of w errs by (w - q) H (w - q)ᵀ. Let
// H = R Rᵀ with R upper triangular, inputs in the order in which they are rounded: the error is
// Σ_c (Σ_{j ≤ c} (w_j - q_j) R[j][c])², and q_c is best what is next to
//
//   w_c + Σ_{j < c} (w_j - q_j) R[j][c] / R[c][c]
//
// That is GPTQ (Frantar 2022) without its inverse: Babai's nearest plane (1986). Inputs of largest
// power come first, whose errors most others can make good.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "parallel/thread_pool.h"

namespace lathe {

// The factor of one H, for all matrices that read the same inputs. Immutable, so thread-safe.
class ErrorFeedback {
 public:
  // Inputs that are rounded between two products with all that came before.
  static constexpr std::int64_t kBlock = 32;

  // products: H, n × n, symmetric and finite, with a diagonal >= 0. `pool` shares the work; the
  // bits are the same for every number of threads and every kernel table. `keep`: H is kept beside
  // its factor, for a second look (quant/descent.h).
  ErrorFeedback(std::span<const float> products, std::int64_t n, ThreadPool& pool,
                bool keep = false);

  std::int64_t inputs() const noexcept { return n_; }
  // H, with what keeps it from being singular on its diagonal; null where it was not kept.
  const float* products() const noexcept { return products_.empty() ? nullptr : products_.data(); }
  // The input that is rounded as number c.
  std::int64_t input(std::int64_t c) const noexcept { return order_[static_cast<std::size_t>(c)]; }

  // Of the block whose first number is `first`: R[j][c] / R[c][c] as [c - first][first], for all
  // j < first, and [c - first][kBlock] for those of the block itself, 0 from j = c on.
  const float* before(std::int64_t first) const noexcept;
  const float* within(std::int64_t first) const noexcept;

 private:
  void sort(std::span<const float> products);
  // What a damping adds to each power.
  float added(std::span<const float> products, double damping) const;
  bool factor(std::span<const float> products, double damping, std::vector<float>& lower,
              ThreadPool& pool) const;
  void store(const std::vector<float>& lower);

  std::int64_t n_;
  std::vector<float> products_;
  std::vector<std::int64_t> order_;
  std::vector<float> before_;
  std::vector<float> within_;
};

// Sixteen rows, input after input. weights: [inputs][16]. round(k, wanted, lost) rounds the weights
// of input k to what is next to `wanted` and writes to `lost` what that differs from the weights
// (16 each).
class FeedbackRows {
 public:
  explicit FeedbackRows(const ErrorFeedback& feedback);

  using Round = std::function<void(std::int64_t k, const float* wanted, float* lost)>;
  void run(const float* weights, const Round& round);

 private:
  const ErrorFeedback& feedback_;
  std::vector<float> lost_;  // [16][inputs], in the order of rounding
};

}  // namespace lathe
