#include "quant/error_feedback.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "quant/cholesky.h"

namespace lathe {
namespace {

// Of the mean power of an input, added to each: a text of some thousand tokens does not know the
// weakest directions.
constexpr double kDamping = 0.01;
constexpr double kMoreDamping = 10.0;
constexpr int kTries = 4;

constexpr std::int64_t kLanes = 16;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

ErrorFeedback::ErrorFeedback(std::span<const float> products, std::int64_t n, ThreadPool& pool,
                             bool keep)
    : n_(n), order_(index(n)) {
  sort(products);
  std::vector<float> lower(index(n * n));
  double damping = kDamping;
  for (int i = 0; i < kTries; ++i, damping *= kMoreDamping) {
    if (!factor(products, damping, lower, pool)) continue;
    store(lower);
    if (!keep) return;
    products_.assign(products.begin(), products.end());
    const float more = added(products, damping);
    for (std::int64_t k = 0; k < n; ++k) products_[index(k * n + k)] += more;
    return;
  }
  // Inputs that are all 0, or next to it: nothing to make good.
  std::fill(lower.begin(), lower.end(), 0.0f);
  for (std::int64_t i = 0; i < n; ++i) lower[index(i * n + i)] = 1.0f;
  store(lower);
  if (keep) products_ = std::move(lower);
}

void ErrorFeedback::sort(std::span<const float> products) {
  std::iota(order_.begin(), order_.end(), std::int64_t{0});
  std::stable_sort(order_.begin(), order_.end(), [&](std::int64_t a, std::int64_t b) {
    return products[index(a * n_ + a)] > products[index(b * n_ + b)];
  });
}

float ErrorFeedback::added(std::span<const float> products, double damping) const {
  double power = 0.0;
  for (std::int64_t i = 0; i < n_; ++i) power += static_cast<double>(products[index(i * n_ + i)]);
  return static_cast<float>(damping * power / static_cast<double>(n_));
}

// Inputs from the last to the first: L Lᵀ of that is R Rᵀ, read from the other end.
bool ErrorFeedback::factor(std::span<const float> products, double damping,
                           std::vector<float>& lower, ThreadPool& pool) const {
  const float more = added(products, damping);
  pool.parallel_for(n_, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const float* from = products.data() + input(n_ - 1 - r) * n_;
      float* to = lower.data() + r * n_;
      for (std::int64_t c = 0; c <= r; ++c) to[c] = from[input(n_ - 1 - c)];
      to[r] += more;
    }
  });
  return cholesky(lower, n_, pool);
}

const float* ErrorFeedback::before(std::int64_t first) const noexcept {
  // Blocks of kBlock · kBlock · (0 + 1 + 2 + …) numbers stand before it.
  const std::int64_t block = first / kBlock;
  return before_.data() + kBlock * kBlock * (block * (block - 1) / 2);
}

const float* ErrorFeedback::within(std::int64_t first) const noexcept {
  return within_.data() + first * kBlock;
}

void ErrorFeedback::store(const std::vector<float>& lower) {
  const std::int64_t blocks = (n_ + kBlock - 1) / kBlock;
  before_.resize(index(kBlock * kBlock * (blocks * (blocks - 1) / 2)));
  within_.resize(index(blocks * kBlock * kBlock));
  const auto last = n_ - 1;
  for (std::int64_t c = 0; c < n_; ++c) {
    const std::int64_t first = c / kBlock * kBlock;
    const float pivot = lower[index((last - c) * n_ + last - c)];
    const auto ratio = [&](std::int64_t j) {
      return lower[index((last - j) * n_ + last - c)] / pivot;
    };
    float* before = before_.data() + (this->before(first) - before_.data()) + (c - first) * first;
    for (std::int64_t j = 0; j < first; ++j) before[j] = ratio(j);
    float* within = within_.data() + first * kBlock + (c - first) * kBlock;
    for (std::int64_t j = first; j < c; ++j) within[j - first] = ratio(j);
  }
}

FeedbackRows::FeedbackRows(const ErrorFeedback& feedback)
    : feedback_(feedback), lost_(index(kLanes * feedback.inputs())) {}

void FeedbackRows::run(const float* weights, const Round& round) {
  constexpr std::int64_t kBlock = ErrorFeedback::kBlock;
  const std::int64_t inputs = feedback_.inputs();
  float owed[kLanes * kBlock];  // [16][kBlock]: by the blocks before
  float lost[kBlock * kLanes];  // [kBlock][16]: by this one
  for (std::int64_t first = 0; first < inputs; first += kBlock) {
    const std::int64_t count = std::min(kBlock, inputs - first);
    std::fill(std::begin(owed), std::end(owed), 0.0f);
    if (first > 0) {
      kernels().forward.f32.matvec(feedback_.before(first), count, first, lost_.data(), inputs,
                                   kLanes, owed, kBlock);
    }
    const float* within = feedback_.within(first);
    for (std::int64_t c = 0; c < count; ++c) {
      const std::int64_t k = feedback_.input(first + c);
      float wanted[kLanes];
      for (std::int64_t r = 0; r < kLanes; ++r) {
        wanted[r] = weights[k * kLanes + r] + owed[r * kBlock + c];
      }
      for (std::int64_t j = 0; j < c; ++j) {
        const float ratio = within[c * kBlock + j];
        for (std::int64_t r = 0; r < kLanes; ++r) wanted[r] += ratio * lost[j * kLanes + r];
      }
      round(k, wanted, lost + c * kLanes);
    }
    for (std::int64_t r = 0; r < kLanes; ++r) {
      for (std::int64_t c = 0; c < count; ++c) {
        lost_[index(r * inputs + first + c)] = lost[c * kLanes + r];
      }
    }
  }
}

}  // namespace lathe
