#include "model/router.h"

#include <algorithm>
#include <span>

#include "base/divide_up.h"
#include "base/exp_nonpositive.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "parallel/worth_sharing.h"

namespace lathe {
namespace {

// Of each score its share of the softmax, in double; `all` may be longer than what is asked for.
class Softmax {
 public:
  explicit Softmax(std::span<const float> all) {
    max_ = static_cast<double>(*std::max_element(all.begin(), all.end()));
    for (const float score : all) sum_ += term(score);
  }
  double share(float score) const noexcept { return term(score) / sum_; }

 private:
  double term(float score) const noexcept {
    return exp_nonpositive(static_cast<double>(score) - max_);
  }

  double max_ = 0.0;
  double sum_ = 0.0;
};

// The places of the largest values, in order; of equals, and where nothing is a number, the first.
template <typename Value>
void choose(std::int32_t count, Value&& value, std::span<std::int32_t> chosen) noexcept {
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    std::int32_t best = -1;
    const auto taken = chosen.first(k);
    for (std::int32_t i = 0; i < count; ++i) {
      if (best >= 0 && !(value(i) > value(best))) continue;
      if (std::find(taken.begin(), taken.end(), i) == taken.end()) best = i;
    }
    chosen[k] = best;
  }
}

// By the scores themselves, which order the experts as their softmax does.
void route_by_score(std::span<const float> scores, bool normalized, std::span<std::int32_t> chosen,
                    std::span<float> by) noexcept {
  const auto score = [&](std::int32_t i) { return scores[static_cast<std::size_t>(i)]; };
  choose(static_cast<std::int32_t>(scores.size()), score, chosen);
  for (std::size_t k = 0; k < by.size(); ++k) by[k] = score(chosen[k]);
  // The softmax of all, divided by its sum over those chosen, is the softmax of these.
  const Softmax softmax(normalized ? std::span<const float>(by) : scores);
  for (float& weight : by) weight = static_cast<float>(softmax.share(weight));
}

// By the softmax and a bias, which is no part of the weight.
void route_by_bias(std::span<float> scores, std::span<const float> bias, bool normalized,
                   std::span<std::int32_t> chosen, std::span<float> by) noexcept {
  const Softmax softmax(scores);
  for (float& score : scores) score = static_cast<float>(softmax.share(score));
  const auto value = [&](std::int32_t i) {
    const auto at = static_cast<std::size_t>(i);
    return scores[at] + bias[at];
  };
  choose(static_cast<std::int32_t>(scores.size()), value, chosen);
  double sum = 0.0;
  for (std::size_t k = 0; k < by.size(); ++k) {
    by[k] = scores[static_cast<std::size_t>(chosen[k])];
    sum += static_cast<double>(by[k]);
  }
  if (!normalized) return;
  for (float& weight : by) {
    weight = static_cast<float>(static_cast<double>(weight) / std::max(sum, 1e-12));
  }
}

}  // namespace

void Router::reserve(std::int64_t rows, std::int64_t experts, std::int64_t used) {
  scores_.ensure(rows * experts);
  const auto pairs = static_cast<std::size_t>(rows * used);
  if (routes_.experts.size() < pairs) {
    routes_.experts.resize(pairs);
    routes_.weights.resize(pairs);
  }
}

void Router::score(const MixtureWeights& weights, std::int64_t count, const float* x,
                   std::int64_t rows, std::int64_t hidden) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* scores = scores_.data() + row * count;
    if (weights.router_bias.empty()) {
      std::fill_n(scores, count, 0.0F);
    } else {
      std::copy_n(weights.router_bias.data(), count, scores);
    }
  }
  constexpr std::int64_t kRowsAtATime = 16;
  constexpr std::int64_t kExpertsAtATime = 32;
  const std::int64_t slices = divide_up(count, kExpertsAtATime);
  const auto piece = [&](std::int64_t number) {
    const std::int64_t row = number / slices * kRowsAtATime;
    const std::int64_t expert = number % slices * kExpertsAtATime;
    kernels().forward.add_low_rank(weights.router.data() + expert, count, hidden,
                                   std::min(kExpertsAtATime, count - expert), x + row * hidden,
                                   hidden, std::min(kRowsAtATime, rows - row),
                                   scores_.data() + row * count + expert, count);
  };
  const std::int64_t pieces = divide_up(rows, kRowsAtATime) * slices;
  if (rows * hidden * count < kProductsWorthSharing) {
    for (std::int64_t i = 0; i < pieces; ++i) piece(i);
    return;
  }
  pool_.parallel_for(pieces, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) piece(i);
  });
}

const Routes& Router::run(const MixtureWeights& weights, const ExpertsConfig& experts,
                          const float* x, std::int64_t rows, std::int64_t hidden) {
  reserve(rows, experts.count, experts.used);
  score(weights, experts.count, x, rows, hidden);
  const auto count = static_cast<std::size_t>(experts.count);
  const auto used = static_cast<std::size_t>(experts.used);
  const auto choose_rows = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const auto at = static_cast<std::size_t>(row);
      const std::span scores(scores_.data() + at * count, count);
      const auto chosen = std::span(routes_.experts).subspan(at * used, used);
      const auto by = std::span(routes_.weights).subspan(at * used, used);
      if (experts.selection_bias) {
        route_by_bias(scores, weights.selection_bias, experts.normalized, chosen, by);
      } else {
        route_by_score(scores, experts.normalized, chosen, by);
      }
    }
  };
  constexpr std::int64_t kRowsWorthSharing = 32;
  if (rows < kRowsWorthSharing) {
    choose_rows(0, rows);
  } else {
    pool_.parallel_for(rows, kRowsWorthSharing / 2, choose_rows);
  }
  return routes_;
}

}  // namespace lathe
