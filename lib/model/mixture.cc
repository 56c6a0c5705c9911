#include "model/mixture.h"

#include <algorithm>
#include <cmath>

#include "base/exp_nonpositive.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/activate.h"
#include "model/for_rows.h"

namespace lathe {
namespace {

float sigmoid(double x) noexcept {
  const double e = exp_nonpositive(-std::abs(x));
  return static_cast<float>(x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e));
}

}  // namespace

Mixture::Mixture(const ModelConfig& config, ThreadPool& pool, RowGather& gather, std::int64_t grain)
    : pool_(pool), gather_(gather), grain_(grain), hidden_(config.hidden_size), router_(pool) {
  for (const LayerConfig& layer : config.layers) {
    if (layer.experts.count == 0) continue;
    experts_ = std::max(experts_, layer.experts.count);
    used_ = std::max(used_, layer.experts.used);
    width_ = std::max(width_, layer.mlp.width);
    shared_width_ = std::max(shared_width_, layer.experts.shared_width);
  }
}

void Mixture::reserve(std::int64_t rows) {
  if (experts_ == 0) return;
  const std::int64_t pairs = rows * used_;
  router_.reserve(rows, experts_, used_);
  shares_.reserve(static_cast<std::size_t>(experts_));
  token_.resize(std::max(token_.size(), static_cast<std::size_t>(pairs)));
  place_.resize(token_.size());
  next_.resize(static_cast<std::size_t>(experts_));
  in_.ensure(pairs * hidden_);
  out_.ensure(pairs * hidden_);
  gate_.ensure(std::max(pairs * width_, rows * shared_width_));
  up_.ensure(std::max(pairs * width_, rows * shared_width_));
}

void Mixture::run(const MixtureWeights& weights, const LayerConfig& layer, std::int64_t number,
                  const float* x, std::int64_t rows, float* out,
                  const ActivationObserver& observe) {
  const ExpertsConfig& experts = layer.experts;
  reserve(rows);
  const Routes& routes = router_.run(weights, experts, x, rows, hidden_);
  if (observe) show_routes(routes, experts, number, rows, observe);
  sort_by_expert(routes, experts, rows);
  const std::span<const Share> all = shares_;
  for (std::size_t first = 0; first < all.size(); first += kAtOnce) {
    run_some(weights, layer.mlp, number, all.subspan(first, std::min(kAtOnce, all.size() - first)),
             x, observe);
  }
  add_up(routes, experts.used, rows, out);
  if (experts.shared_width == 0) return;
  run_shared(weights, layer, number, x, rows, observe);  // -> out_
  add_shared(weights, x, rows, out);
}

void Mixture::show_routes(const Routes& routes, const ExpertsConfig& experts, std::int64_t number,
                          std::int64_t rows, const ActivationObserver& observe) {
  std::vector<float> weights(static_cast<std::size_t>(rows * experts.count));  // 0: not chosen
  for (std::int64_t pair = 0; pair < rows * experts.used; ++pair) {
    const auto at = static_cast<std::size_t>(pair);
    const std::int64_t row = pair / experts.used;
    weights[static_cast<std::size_t>(row * experts.count + routes.experts[at])] =
        routes.weights[at];
  }
  observe({ActivationPoint::kRouting, number, weights.data(), rows, experts.count});
}

// A counting sort: an expert's tokens stand in their order.
void Mixture::sort_by_expert(const Routes& routes, const ExpertsConfig& experts,
                             std::int64_t rows) {
  const std::int64_t pairs = rows * experts.used;
  const auto expert_of = [&](std::int64_t pair) {
    return static_cast<std::size_t>(routes.experts[static_cast<std::size_t>(pair)]);
  };
  std::fill(next_.begin(), next_.end(), 0);
  for (std::int64_t pair = 0; pair < pairs; ++pair) ++next_[expert_of(pair)];
  shares_.clear();
  std::int64_t first = 0;
  for (std::size_t expert = 0; expert < static_cast<std::size_t>(experts.count); ++expert) {
    const std::int64_t count = next_[expert];
    next_[expert] = first;
    if (count > 0) shares_.push_back({static_cast<std::int32_t>(expert), first, count});
    first += count;
  }
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const std::int64_t place = next_[expert_of(pair)]++;
    token_[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(pair / experts.used);
    place_[static_cast<std::size_t>(pair)] = static_cast<std::int32_t>(place);
  }
}

// x -> out_ of the pairs of these experts.
void Mixture::run_some(const MixtureWeights& weights, const MlpConfig& mlp, std::int64_t number,
                       std::span<const Share> shares, const float* x,
                       const ActivationObserver& observe) {
  const std::int64_t width = mlp.width;
  const std::int64_t begin = shares.front().first;
  const std::int64_t pairs = shares.back().first + shares.back().rows - begin;
  for_rows(pool_, pairs, hidden_, [&](std::int64_t pair) {
    const std::int64_t token = token_[static_cast<std::size_t>(begin + pair)];
    std::copy_n(x + token * hidden_, hidden_, in_.data() + pair * hidden_);
  });

  std::array<std::array<LinearCall, 2>, kAtOnce> calls;
  std::array<LinearGroup, kAtOnce> groups;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const ExpertWeights& w = weights.experts[static_cast<std::size_t>(shares[i].expert)];
    const std::int64_t at = shares[i].first - begin;
    const float* in = in_.data() + at * hidden_;
    inputs_[i].set(in, shares[i].rows, hidden_, hidden_);
    if (observe) {
      observe({ActivationPoint::kMlpInput, number, in, shares[i].rows, hidden_, shares[i].expert});
    }
    // Without a gate, what is activated is `up`.
    calls[i][0] = {mlp.gated ? w.gate.get() : w.up.get(), gate_.data() + at * width, width};
    calls[i][1] = {w.up.get(), up_.data() + at * width, width};
    groups[i] = {&inputs_[i], std::span(calls[i]).first(mlp.gated ? 2 : 1)};
  }
  Linear::apply(pool_, std::span(groups).first(shares.size()));
  const Split by_width = {width, grain_};
  activate_rows(pool_, mlp, width, by_width.of(gather_.member()), pairs, gate_.data(), up_.data());
  gather_.to_all(gate_.data(), pairs, width, by_width);

  for (std::size_t i = 0; i < shares.size(); ++i) {
    const ExpertWeights& w = weights.experts[static_cast<std::size_t>(shares[i].expert)];
    const float* in = gate_.data() + (shares[i].first - begin) * width;
    inputs_[i].set(in, shares[i].rows, width, width);
    if (observe) {
      observe({ActivationPoint::kMlpHidden, number, in, shares[i].rows, width, shares[i].expert});
    }
    calls[i][0] = {w.down.get(), out_.data() + shares[i].first * hidden_, hidden_};
    groups[i] = {&inputs_[i], std::span(calls[i]).first(1)};
  }
  Linear::apply(pool_, std::span(groups).first(shares.size()));
  gather_.to_all(out_.data() + begin * hidden_, pairs, hidden_, {hidden_, grain_});
}

// x -> out_ [rows][hidden].
void Mixture::run_shared(const MixtureWeights& weights, const LayerConfig& layer,
                         std::int64_t number, const float* x, std::int64_t rows,
                         const ActivationObserver& observe) {
  const ExpertWeights& w = weights.shared;
  const bool gated = layer.mlp.gated;
  const std::int64_t width = layer.experts.shared_width;
  inputs_[0].set(x, rows, hidden_, hidden_);
  if (observe) observe({ActivationPoint::kSharedInput, number, x, rows, hidden_});
  const std::array<LinearCall, 2> gate_up = {
      {{gated ? w.gate.get() : w.up.get(), gate_.data(), width}, {w.up.get(), up_.data(), width}}};
  Linear::apply(pool_, inputs_[0], std::span(gate_up).first(gated ? 2 : 1));
  const Split by_width = {width, grain_};
  activate_rows(pool_, layer.mlp, width, by_width.of(gather_.member()), rows, gate_.data(),
                up_.data());
  gather_.to_all(gate_.data(), rows, width, by_width);
  inputs_[0].set(gate_.data(), rows, width, width);
  if (observe) observe({ActivationPoint::kSharedHidden, number, gate_.data(), rows, width});
  const std::array<LinearCall, 1> down = {{{w.down.get(), out_.data(), hidden_}}};
  Linear::apply(pool_, inputs_[0], down);
  gather_.to_all(out_.data(), rows, hidden_, {hidden_, grain_});
}

void Mixture::add_up(const Routes& routes, std::int64_t used, std::int64_t rows,
                     float* out) noexcept {
  for_rows(pool_, rows, used * hidden_, [&](std::int64_t row) {
    float* sum = out + row * hidden_;
    std::fill_n(sum, hidden_, 0.0F);
    for (std::int64_t k = 0; k < used; ++k) {
      const auto pair = static_cast<std::size_t>(row * used + k);
      const float weight = routes.weights[pair];
      const float* y = out_.data() + place_[pair] * hidden_;
      for (std::int64_t i = 0; i < hidden_; ++i) sum[i] += weight * y[i];
    }
  });
}

void Mixture::add_shared(const MixtureWeights& weights, const float* x, std::int64_t rows,
                         float* out) noexcept {
  for_rows(pool_, rows, 2 * hidden_, [&](std::int64_t row) {
    float* y = out_.data() + row * hidden_;
    if (!weights.shared_switch.empty()) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < hidden_; ++i) {
        sum += static_cast<double>(x[row * hidden_ + i]) *
               static_cast<double>(weights.shared_switch[static_cast<std::size_t>(i)]);
      }
      const float by = sigmoid(sum);
      for (std::int64_t i = 0; i < hidden_; ++i) y[i] *= by;
    }
    kernels().forward.add(y, hidden_, out + row * hidden_);
  });
}

}  // namespace lathe
