#include "model/weights.h"

#include <map>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/vectors.h"
#include "model/own_rows.h"

namespace lathe {
namespace {

class WeightLoader {
 public:
  WeightLoader(const Checkpoint& checkpoint, const LoraAdapter* adapter, ThreadPool& pool,
               const Share& share)
      : checkpoint_(checkpoint),
        adapter_(adapter),
        pool_(pool),
        share_(share),
        grain_(grain_of(checkpoint)) {
    for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
      const TensorInfo& info = checkpoint.tensors()[i];
      by_id_.emplace(info.id, i);
      weights_.parameters += static_cast<std::uint64_t>(info.rows() * info.cols());
    }
  }

  // The matrix of that role, with its bias where it has one.
  std::unique_ptr<Linear> matrix(TensorRole role, std::int64_t layer = -1,
                                 std::int64_t expert = -1) {
    const std::size_t weight = at({role, layer, false, expert});
    const std::optional<std::size_t> bias = find({role, layer, true, expert});
    const TensorInfo& info = checkpoint_.tensors()[weight];
    auto linear = Linear::load(checkpoint_, weight, bias, pool_,
                               own_rows(info, checkpoint_.config(), grain_, share_));
    adapt(*linear, info.name);
    for (const auto piece : linear->memory()) weights_.bytes += piece.size();
    weights_.bytes += linear->adapter_bytes();
    if (bias) weights_.bytes += static_cast<std::uint64_t>(linear->rows()) * sizeof(float);
    return linear;
  }

  std::vector<float> vector(TensorRole role, std::int64_t layer = -1) {
    return read(at({role, layer}));
  }

  // Empty where the model has none.
  std::vector<float> vector_if_there(TensorRole role, std::int64_t layer, bool bias = false) {
    const std::optional<std::size_t> index = find({role, layer, bias});
    return index ? read(*index) : std::vector<float>();
  }

  // A matrix as floats, columns as rows.
  std::vector<float> turned(TensorRole role, std::int64_t layer) {
    const std::size_t index = at({role, layer});
    const TensorInfo& info = checkpoint_.tensors()[index];
    const auto rows = static_cast<std::size_t>(info.rows());
    const auto cols = static_cast<std::size_t>(info.cols());
    std::vector<float> row(cols);
    std::vector<float> out(rows * cols);
    for (std::size_t r = 0; r < rows; ++r) {
      checkpoint_.read_rows_f32(index, static_cast<std::int64_t>(r), 1, row);
      for (std::size_t c = 0; c < cols; ++c) out[c * rows + r] = row[c];
    }
    weights_.bytes += out.size() * sizeof(float);
    return out;
  }

  Weights take() { return std::move(weights_); }
  Weights& weights() { return weights_; }

 private:
  void adapt(Linear& linear, const std::string& name) const {
    if (adapter_ == nullptr) return;
    const auto pair = adapter_->pairs().find(name);
    if (pair == adapter_->pairs().end()) return;
    if (pair->second.embedding) {
      fail_unsupported("{}: adapts the embedding, which must be merged: convert --lora does it",
                       quoted(adapter_->path()));
    }
    linear.adapt(pair->second);
  }

  std::vector<float> read(std::size_t index) {
    std::vector<float> out = read_vector(checkpoint_, index);
    weights_.bytes += out.size() * sizeof(float);
    return out;
  }

  std::optional<std::size_t> find(const TensorId& id) const {
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? std::nullopt : std::optional(it->second);
  }

  std::size_t at(const TensorId& id) const {
    const std::optional<std::size_t> index = find(id);
    if (index) return *index;
    fail(ErrorCode::kBug, "{}: was opened without {}", quoted(checkpoint_.path()), tensor_name(id));
  }

  const Checkpoint& checkpoint_;
  const LoraAdapter* adapter_;
  std::map<TensorId, std::size_t> by_id_;
  ThreadPool& pool_;
  Share share_;
  std::int64_t grain_;
  Weights weights_;
};

MixtureWeights load_mixture(WeightLoader& loader, const LayerConfig& config, std::int64_t layer) {
  MixtureWeights w;
  w.router = loader.turned(TensorRole::kRouter, layer);
  w.router_bias = loader.vector_if_there(TensorRole::kRouter, layer, true);
  w.selection_bias = loader.vector_if_there(TensorRole::kSelectionBias, layer);
  for (std::int64_t e = 0; e < config.experts.count; ++e) {
    ExpertWeights expert;
    if (config.mlp.gated) expert.gate = loader.matrix(TensorRole::kGate, layer, e);
    expert.up = loader.matrix(TensorRole::kUp, layer, e);
    expert.down = loader.matrix(TensorRole::kDown, layer, e);
    w.experts.push_back(std::move(expert));
  }
  if (config.experts.shared_width == 0) return w;
  w.shared_switch = loader.vector_if_there(TensorRole::kSharedSwitch, layer);
  if (config.mlp.gated) w.shared.gate = loader.matrix(TensorRole::kSharedGate, layer);
  w.shared.up = loader.matrix(TensorRole::kSharedUp, layer);
  w.shared.down = loader.matrix(TensorRole::kSharedDown, layer);
  return w;
}

LayerWeights load_layer(WeightLoader& loader, const LayerConfig& config, std::int64_t layer) {
  LayerWeights w;
  w.attention_norm = loader.vector_if_there(TensorRole::kAttentionNorm, layer);
  w.q = loader.matrix(TensorRole::kQuery, layer);
  w.k = loader.matrix(TensorRole::kKey, layer);
  w.v = loader.matrix(TensorRole::kValue, layer);
  w.q_norm = loader.vector_if_there(TensorRole::kQueryNorm, layer);
  w.k_norm = loader.vector_if_there(TensorRole::kKeyNorm, layer);
  w.o = loader.matrix(TensorRole::kAttentionOutput, layer);
  w.sinks = loader.vector_if_there(TensorRole::kSinks, layer);
  w.attention_post_norm = loader.vector_if_there(TensorRole::kAttentionPostNorm, layer);
  w.mlp_norm = loader.vector_if_there(TensorRole::kMlpNorm, layer);
  if (config.experts.count > 0) {
    w.mixture = load_mixture(loader, config, layer);
  } else {
    if (config.mlp.gated) w.mlp.gate = loader.matrix(TensorRole::kGate, layer);
    w.mlp.up = loader.matrix(TensorRole::kUp, layer);
    w.mlp.down = loader.matrix(TensorRole::kDown, layer);
  }
  w.mlp_post_norm = loader.vector_if_there(TensorRole::kMlpPostNorm, layer);
  return w;
}

std::unique_ptr<Linear>* find_in(LayerWeights& layer, const TensorId& id) {
  ExpertWeights& mlp =
      id.expert < 0 ? layer.mlp : layer.mixture.experts.at(static_cast<std::size_t>(id.expert));
  switch (id.role) {
    case TensorRole::kQuery:
      return &layer.q;
    case TensorRole::kKey:
      return &layer.k;
    case TensorRole::kValue:
      return &layer.v;
    case TensorRole::kAttentionOutput:
      return &layer.o;
    case TensorRole::kGate:
      return &mlp.gate;
    case TensorRole::kUp:
      return &mlp.up;
    case TensorRole::kDown:
      return &mlp.down;
    case TensorRole::kSharedGate:
      return &layer.mixture.shared.gate;
    case TensorRole::kSharedUp:
      return &layer.mixture.shared.up;
    case TensorRole::kSharedDown:
      return &layer.mixture.shared.down;
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<Linear>& matrix_at(Weights& weights, const TensorId& id) {
  std::unique_ptr<Linear>* found = nullptr;
  if (id.role == TensorRole::kEmbedding) {
    found = &weights.embedding;
  } else if (id.role == TensorRole::kHead) {
    found = &weights.head;
  } else if (id.layer >= 0) {
    found = find_in(weights.layers.at(static_cast<std::size_t>(id.layer)), id);
  }
  if (found == nullptr || *found == nullptr) {
    fail(ErrorCode::kBug, "no matrix is {}", tensor_name(id));
  }
  return *found;
}

Weights load_weights(const Checkpoint& checkpoint, const LoraAdapter* adapter, ThreadPool& pool,
                     const Share& share) {
  const ModelConfig& config = checkpoint.config();
  try {
    WeightLoader loader(checkpoint, adapter, pool, share);
    Weights& weights = loader.weights();
    weights.embedding = loader.matrix(TensorRole::kEmbedding);
    for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
      weights.layers.push_back(load_layer(loader, config.layer(layer), layer));
    }
    weights.final_norm = loader.vector(TensorRole::kFinalNorm);
    if (!config.tie_word_embeddings) weights.head = loader.matrix(TensorRole::kHead);
    return loader.take();
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "{}: out of memory while loading the weights",
         quoted(checkpoint.path()));
  }
}

}  // namespace lathe
