#include "model/weights.h"

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool computable(DType type) {
  switch (type) {
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kBool:
      return false;
    default:
      return true;
  }
}

bool ends_with(std::string_view text, std::string_view end) { return text.ends_with(end); }

class WeightLoader {
 public:
  WeightLoader(const Checkpoint& checkpoint, const LoraAdapter* adapter)
      : checkpoint_(checkpoint), adapter_(adapter), used_(checkpoint.tensors().size(), false) {}

  // A matrix [rows, cols] by its name without ".weight", and its bias when `bias`.
  std::unique_ptr<Linear> matrix(const std::string& name, std::int64_t rows, std::int64_t cols,
                                 bool bias = false) {
    const std::size_t weight = find(name + ".weight", {rows, cols});
    std::optional<std::size_t> bias_index;
    if (bias) {
      bias_index = find(name + ".bias", {rows});
      weights_.bytes += static_cast<std::uint64_t>(rows) * sizeof(float);
    }
    auto linear = Linear::load(checkpoint_, weight, bias_index);
    adapt(*linear, name + ".weight");
    weights_.bytes += linear->bytes();
    return linear;
  }

  std::vector<float> vector(const std::string& name, std::int64_t size) {
    const std::size_t index = find(name + ".weight", {size});
    std::vector<float> out(static_cast<std::size_t>(size));
    checkpoint_.read_rows_f32(index, 0, 1, out);
    weights_.bytes += out.size() * sizeof(float);
    return out;
  }

  // Every tensor must have been asked for, but for those that say nothing of their own.
  void check_all_used(bool tied) const {
    for (std::size_t i = 0; i < used_.size(); ++i) {
      const std::string& name = checkpoint_.tensors()[i].name;
      if (used_[i] || ends_with(name, ".rotary_emb.inv_freq")) continue;
      if (tied && name == "lm_head.weight") continue;  // the embedding again
      fail_unsupported(
          "{}: tensor {} has no place in a {} model with this configuration; the model cannot "
          "run without it",
          quoted(checkpoint_.path()), quoted(name), checkpoint_.config().family);
    }
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

  std::size_t find(const std::string& name, const std::vector<std::int64_t>& shape) {
    const std::optional<std::size_t> index = checkpoint_.find(name);
    if (!index) fail_invalid("{}: tensor {} is missing", quoted(checkpoint_.path()), quoted(name));
    const TensorInfo& info = checkpoint_.tensors()[*index];
    if (info.shape != shape) {
      fail_invalid("{}: tensor {} has shape {}, but the configuration makes it {}",
                   quoted(checkpoint_.path()), quoted(name), shape_text(info.shape),
                   shape_text(shape));
    }
    if (!computable(info.dtype)) {
      fail_unsupported("{}: tensor {} has type {}, which cannot be computed with",
                       quoted(checkpoint_.path()), quoted(name), dtype_info(info.dtype).name);
    }
    used_[*index] = true;
    std::uint64_t elements = 1;
    for (const std::int64_t n : shape) elements *= static_cast<std::uint64_t>(n);
    weights_.parameters += elements;
    return *index;
  }

  const Checkpoint& checkpoint_;
  const LoraAdapter* adapter_;
  std::vector<bool> used_;
  Weights weights_;
};

LayerWeights load_layer(WeightLoader& loader, const ModelConfig& c, std::int64_t layer) {
  const std::int64_t q_size = c.num_heads * c.head_dim;
  const std::int64_t kv_size = c.num_kv_heads * c.head_dim;
  const std::string prefix = fmt::format("model.layers.{}.", layer);
  LayerWeights w;
  w.attention_norm = loader.vector(prefix + "input_layernorm", c.hidden_size);
  w.q = loader.matrix(prefix + "self_attn.q_proj", q_size, c.hidden_size, c.qkv_bias);
  w.k = loader.matrix(prefix + "self_attn.k_proj", kv_size, c.hidden_size, c.qkv_bias);
  w.v = loader.matrix(prefix + "self_attn.v_proj", kv_size, c.hidden_size, c.qkv_bias);
  if (c.qk_norm) {
    w.q_norm = loader.vector(prefix + "self_attn.q_norm", c.head_dim);
    w.k_norm = loader.vector(prefix + "self_attn.k_norm", c.head_dim);
  }
  w.o = loader.matrix(prefix + "self_attn.o_proj", c.hidden_size, q_size, c.attention_output_bias);
  w.mlp_norm = loader.vector(prefix + "post_attention_layernorm", c.hidden_size);
  w.gate = loader.matrix(prefix + "mlp.gate_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  w.up = loader.matrix(prefix + "mlp.up_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
  w.down = loader.matrix(prefix + "mlp.down_proj", c.hidden_size, c.intermediate_size, c.mlp_bias);
  return w;
}

}  // namespace

Weights load_weights(const Checkpoint& checkpoint, const LoraAdapter* adapter) {
  const ModelConfig& config = checkpoint.config();
  try {
    WeightLoader loader(checkpoint, adapter);
    Weights& weights = loader.weights();
    weights.embedding = loader.matrix("model.embed_tokens", config.vocab_size, config.hidden_size);
    for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
      weights.layers.push_back(load_layer(loader, config, layer));
    }
    weights.final_norm = loader.vector("model.norm", config.hidden_size);
    if (!config.tie_word_embeddings) {
      weights.head = loader.matrix("lm_head", config.vocab_size, config.hidden_size);
    }
    loader.check_all_used(config.tie_word_embeddings);
    return loader.take();
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "{}: out of memory while loading the weights",
         quoted(checkpoint.path()));
  }
}

}  // namespace lathe
