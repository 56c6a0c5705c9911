// The definition of a model's logits: token by token, in double, from the tensors of a checkpoint
// by their roles. It shares nothing with the forward pass but the rotary frequencies.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "checkpoint/model_tensors.h"
#include "model/rope.h"
#include "support/random_checkpoint.h"

namespace lathe::test {

class ReferenceForward {
 public:
  using Vector = std::vector<double>;

  explicit ReferenceForward(std::shared_ptr<const Checkpoint> checkpoint)
      : checkpoint_(std::move(checkpoint)), config_(checkpoint_->config()) {}

  // One row of logits per token.
  std::vector<Vector> logits(const std::vector<TokenId>& tokens) const {
    std::vector<Vector> x;
    for (const TokenId token : tokens) {
      x.push_back(row({TensorRole::kEmbedding}, token));
      scale(x.back(), config_.embedding_scale);
    }
    for (std::int64_t layer = 0; layer < config_.num_layers(); ++layer) {
      block(x, layer, TensorRole::kAttentionNorm, TensorRole::kAttentionPostNorm,
            [&](const std::vector<Vector>& in) { return attend(in, layer); });
      block(x, layer, TensorRole::kMlpNorm, TensorRole::kMlpPostNorm,
            [&](const std::vector<Vector>& in) { return feed_forward(in, layer); });
    }
    const TensorRole head =
        config_.tie_word_embeddings ? TensorRole::kEmbedding : TensorRole::kHead;
    for (Vector& v : x) {
      v = product({head}, norm(v, {TensorRole::kFinalNorm}));
      scale(v, config_.logit_scale);
      for (double& e : v) e = capped(e, config_.logit_soft_cap);
    }
    return x;
  }

 private:
  static double capped(double x, double cap) { return cap == 0.0 ? x : cap * std::tanh(x / cap); }

  static void scale(Vector& v, double by) {
    for (double& e : v) e *= by;
  }

  std::size_t index(const TensorId& id) const { return *checkpoint_->find(tensor_name(id)); }

  Vector row(const TensorId& id, std::int64_t r) const {
    const std::size_t i = index(id);
    std::vector<float> out(static_cast<std::size_t>(checkpoint_->tensors()[i].cols()));
    checkpoint_->read_rows_f32(i, r, 1, out);
    return {out.begin(), out.end()};
  }

  // W·x + b, b where there is one.
  Vector product(const TensorId& id, const Vector& x) const {
    Vector y;
    for (std::int64_t r = 0; r < checkpoint_->tensors()[index(id)].rows(); ++r) {
      const Vector w = row(id, r);
      double sum = 0.0;
      for (std::size_t i = 0; i < x.size(); ++i) sum += w[i] * x[i];
      y.push_back(sum);
    }
    const TensorId bias = {id.role, id.layer, true, id.expert};
    if (checkpoint_->find(tensor_name(bias))) {
      const Vector b = row(bias, 0);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += b[i];
    }
    return y;
  }

  Vector norm(const Vector& x, const TensorId& id) const { return norm(x, row(id, 0)); }
  Vector norm(const Vector& x, const Vector& weight) const {
    double squares = 0.0;
    for (const double e : x) squares += e * e;
    const double by =
        1.0 / std::sqrt(squares / static_cast<double>(x.size()) + config_.rms_norm_eps);
    Vector y;
    for (std::size_t i = 0; i < x.size(); ++i) y.push_back(x[i] * by * weight[i]);
    return y;
  }

  template <typename Block>
  void block(std::vector<Vector>& x, std::int64_t layer, TensorRole before, TensorRole after,
             Block run) const {
    const NormPlace place = config_.layer(layer).norms;
    std::vector<Vector> in = x;
    if (place != NormPlace::kAfter) {
      for (Vector& v : in) v = norm(v, {before, layer});
    }
    std::vector<Vector> update = run(in);
    for (std::size_t t = 0; t < x.size(); ++t) {
      if (place != NormPlace::kBefore) update[t] = norm(update[t], {after, layer});
      for (std::size_t i = 0; i < x[t].size(); ++i) {
        x[t][i] += config_.residual_scale * update[t][i];
      }
    }
  }

  // Norms and turns the heads of one position.
  void prepare(Vector& heads, TensorRole norm_role, std::int64_t layer,
               std::size_t position) const {
    const AttentionConfig& a = config_.layer(layer).attention;
    const auto dim = static_cast<std::size_t>(a.head_dim);
    if (a.qk_norm == QkNorm::kWhole) heads = norm(heads, {norm_role, layer});
    const std::vector<float> frequencies = Rope(a.rope, a.rotary_dims).frequencies();
    for (std::size_t at = 0; at < heads.size(); at += dim) {
      Vector head(heads.begin() + static_cast<std::ptrdiff_t>(at),
                  heads.begin() + static_cast<std::ptrdiff_t>(at + dim));
      if (a.qk_norm == QkNorm::kPerHead && !a.norm_turned) head = norm(head, {norm_role, layer});
      for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = static_cast<double>(position) * static_cast<double>(frequencies[i]);
        const double u = head[i];
        const double v = head[i + frequencies.size()];
        head[i] = u * std::cos(angle) - v * std::sin(angle);
        head[i + frequencies.size()] = v * std::cos(angle) + u * std::sin(angle);
      }
      if (a.qk_norm == QkNorm::kPerHead && a.norm_turned) head = norm(head, {norm_role, layer});
      std::copy(head.begin(), head.end(), heads.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  std::vector<Vector> attend(const std::vector<Vector>& in, std::int64_t layer) const {
    const AttentionConfig& a = config_.layer(layer).attention;
    const auto dim = static_cast<std::size_t>(a.head_dim);
    std::vector<Vector> q, k, v, out;
    for (std::size_t t = 0; t < in.size(); ++t) {
      q.push_back(product({TensorRole::kQuery, layer}, in[t]));
      k.push_back(product({TensorRole::kKey, layer}, in[t]));
      v.push_back(product({TensorRole::kValue, layer}, in[t]));
      prepare(q[t], TensorRole::kQueryNorm, layer, t);
      prepare(k[t], TensorRole::kKeyNorm, layer, t);
      if (a.temperature != 0.0) {
        const auto span = static_cast<std::size_t>(a.temperature_span);
        scale(q[t], 1.0 + a.temperature * std::log(static_cast<double>(t / span + 1)));
      }
    }
    const double by = a.scale != 0.0 ? a.scale : 1.0 / std::sqrt(static_cast<double>(dim));
    for (std::size_t t = 0; t < in.size(); ++t) {
      Vector mixed(static_cast<std::size_t>(a.query_rows()));
      for (std::size_t h = 0; h < static_cast<std::size_t>(a.heads); ++h) {
        const std::size_t kv = h / static_cast<std::size_t>(a.heads / a.kv_heads);
        const auto window = static_cast<std::size_t>(a.window);
        const std::size_t first = window == 0 || t + 1 < window ? 0 : t + 1 - window;
        double total = 0.0;
        for (std::size_t s = first; s <= t; ++s) {
          double dot = 0.0;
          for (std::size_t i = 0; i < dim; ++i) dot += q[t][h * dim + i] * k[s][kv * dim + i];
          const double weight = std::exp(capped(dot * by, a.soft_cap));
          total += weight;
          for (std::size_t i = 0; i < dim; ++i) mixed[h * dim + i] += weight * v[s][kv * dim + i];
        }
        if (a.sinks) total += std::exp(row({TensorRole::kSinks, layer}, 0)[h]);
        for (std::size_t i = 0; i < dim; ++i) mixed[h * dim + i] /= total;
      }
      out.push_back(product({TensorRole::kAttentionOutput, layer}, mixed));
    }
    return out;
  }

  static double activate(Activation activation, double x) {
    switch (activation) {
      case Activation::kSilu:
        return x / (1.0 + std::exp(-x));
      case Activation::kGeluTanh:
        return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
      case Activation::kRelu2:
        return x > 0.0 ? x * x : 0.0;
      case Activation::kClampedSwiglu:
        break;
    }
    return x / (1.0 + std::exp(-1.702 * x));
  }

  // Of the feed-forward part, of one expert, or of what all tokens share.
  Vector part(const Vector& x, const MlpConfig& mlp, const TensorId& gate_id, const TensorId& up_id,
              const TensorId& down_id) const {
    Vector up = product(up_id, x);
    Vector gate = mlp.gated ? product(gate_id, x) : up;
    for (std::size_t i = 0; i < up.size(); ++i) {
      if (mlp.activation == Activation::kClampedSwiglu) {
        gate[i] = std::min(gate[i], 7.0);
        up[i] = std::min(std::max(up[i], -7.0), 7.0) + 1.0;
      }
      up[i] = activate(mlp.activation, gate[i]) * (mlp.gated ? up[i] : 1.0);
    }
    return product(down_id, up);
  }

  Vector mixture(const Vector& x, std::int64_t layer) const {
    const MlpConfig& mlp = config_.layer(layer).mlp;
    const ExpertsConfig& experts = config_.layer(layer).experts;
    Vector weights = product({TensorRole::kRouter, layer}, x);
    double all = 0.0;
    for (double& w : weights) all += w = std::exp(w);
    for (double& w : weights) w /= all;
    Vector by = weights;
    if (experts.selection_bias) {
      const Vector bias = row({TensorRole::kSelectionBias, layer}, 0);
      for (std::size_t i = 0; i < by.size(); ++i) by[i] += bias[i];
    }
    std::vector<std::int64_t> chosen;
    double sum = 0.0;
    while (chosen.size() < static_cast<std::size_t>(experts.used)) {
      const auto best = std::max_element(by.begin(), by.end()) - by.begin();
      chosen.push_back(best);
      sum += weights[static_cast<std::size_t>(best)];
      by[static_cast<std::size_t>(best)] = -1e9;
    }
    Vector out(x.size());
    const auto add = [&](const Vector& y, double weight) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] += weight * y[i];
    };
    for (const std::int64_t e : chosen) {
      const double weight = weights[static_cast<std::size_t>(e)];
      add(part(x, mlp, {TensorRole::kGate, layer, false, e}, {TensorRole::kUp, layer, false, e},
               {TensorRole::kDown, layer, false, e}),
          experts.normalized ? weight / sum : weight);
    }
    if (experts.shared_width == 0) return out;
    double open = 1.0;
    if (experts.shared_gated) {
      const Vector w = row({TensorRole::kSharedSwitch, layer}, 0);
      double dot = 0.0;
      for (std::size_t i = 0; i < x.size(); ++i) dot += w[i] * x[i];
      open = 1.0 / (1.0 + std::exp(-dot));
    }
    add(part(x, mlp, {TensorRole::kSharedGate, layer}, {TensorRole::kSharedUp, layer},
             {TensorRole::kSharedDown, layer}),
        open);
    return out;
  }

  std::vector<Vector> feed_forward(const std::vector<Vector>& in, std::int64_t layer) const {
    const LayerConfig& config = config_.layer(layer);
    std::vector<Vector> out;
    for (const Vector& x : in) {
      out.push_back(config.experts.count > 0
                        ? mixture(x, layer)
                        : part(x, config.mlp, {TensorRole::kGate, layer}, {TensorRole::kUp, layer},
                               {TensorRole::kDown, layer}));
    }
    return out;
  }

  std::shared_ptr<const Checkpoint> checkpoint_;
  const ModelConfig& config_;
};

}  // namespace lathe::test
