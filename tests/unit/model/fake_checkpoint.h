// A checkpoint in memory, for tests: a configuration and named float32 tensors.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"

#include "support/refusal.h"

namespace lathe {

class FakeCheckpoint : public Checkpoint {
 public:
  explicit FakeCheckpoint(ModelConfig config) : config_(std::move(config)) {}

  void put(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> values) {
    remove(name);
    infos_.push_back({name, DType::kF32, std::move(shape), values.size() * sizeof(float)});
    values_.push_back(std::move(values));
  }
  void remove(const std::string& name) {
    if (const auto i = find(name)) {
      infos_.erase(infos_.begin() + static_cast<std::ptrdiff_t>(*i));
      values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }
  void set_dtype(const std::string& name, DType dtype) { infos_[*find(name)].dtype = dtype; }
  void set_has_model(bool has) { has_model_ = has; }

  CheckpointFormat format() const noexcept override { return CheckpointFormat::kHuggingFace; }
  const std::string& path() const noexcept override { return path_; }
  bool has_model() const noexcept override { return has_model_; }
  const ModelConfig& config() const noexcept override { return config_; }
  const std::optional<TokenizerFiles>& tokenizer_files() const noexcept override {
    return tokenizer_;
  }
  const std::map<std::string, std::string>& metadata() const noexcept override { return metadata_; }
  std::span<const TensorInfo> tensors() const noexcept override { return infos_; }
  std::optional<std::size_t> find(std::string_view name) const noexcept override {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == name) return i;
    }
    return std::nullopt;
  }
  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    return std::as_bytes(std::span(values_[tensor]));
  }
  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    const auto cols = static_cast<std::size_t>(infos_[tensor].cols());
    std::memcpy(out.data(), values_[tensor].data() + static_cast<std::size_t>(first) * cols,
                static_cast<std::size_t>(count) * cols * sizeof(float));
  }
  void drop(std::size_t) const noexcept override {}

 private:
  ModelConfig config_;
  std::string path_ = "fake";
  bool has_model_ = true;
  std::optional<TokenizerFiles> tokenizer_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorInfo> infos_;
  std::vector<std::vector<float>> values_;
};

// A small llama with grouped heads.
inline ModelConfig small_config() {
  ModelConfig c;
  c.family = "llama";
  c.vocab_size = 50;
  c.hidden_size = 24;
  c.intermediate_size = 40;
  c.num_layers = 2;
  c.num_heads = 4;
  c.num_kv_heads = 2;
  c.head_dim = 6;
  c.max_position = 400;
  return c;
}

// Every tensor that `c` asks for, drawn at random so that logits are of order 1.
inline std::shared_ptr<FakeCheckpoint> random_checkpoint(const ModelConfig& c,
                                                         std::uint32_t seed = 1) {
  auto out = std::make_shared<FakeCheckpoint>(c);
  std::mt19937 generator(seed);
  const auto draw = [&generator](std::int64_t n, float low, float high) {
    std::vector<float> v(static_cast<std::size_t>(n));
    for (float& x : v) {
      x = low + (high - low) * static_cast<float>(generator() >> 8) / static_cast<float>(1 << 24);
    }
    return v;
  };
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols,
                          bool bias) {
    const float range = 1.7F / std::sqrt(static_cast<float>(cols));
    out->put(name + ".weight", {rows, cols}, draw(rows * cols, -range, range));
    if (bias) out->put(name + ".bias", {rows}, draw(rows, -0.5F, 0.5F));
  };
  const auto norm = [&](const std::string& name, std::int64_t n) {
    out->put(name + ".weight", {n}, draw(n, 0.5F, 1.5F));
  };
  const std::int64_t q = c.num_heads * c.head_dim;
  const std::int64_t kv = c.num_kv_heads * c.head_dim;
  matrix("model.embed_tokens", c.vocab_size, c.hidden_size, false);
  for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
    const std::string p = "model.layers." + std::to_string(layer) + ".";
    norm(p + "input_layernorm", c.hidden_size);
    matrix(p + "self_attn.q_proj", q, c.hidden_size, c.qkv_bias);
    matrix(p + "self_attn.k_proj", kv, c.hidden_size, c.qkv_bias);
    matrix(p + "self_attn.v_proj", kv, c.hidden_size, c.qkv_bias);
    if (c.qk_norm) {
      norm(p + "self_attn.q_norm", c.head_dim);
      norm(p + "self_attn.k_norm", c.head_dim);
    }
    matrix(p + "self_attn.o_proj", c.hidden_size, q, c.attention_output_bias);
    norm(p + "post_attention_layernorm", c.hidden_size);
    matrix(p + "mlp.gate_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
    matrix(p + "mlp.up_proj", c.intermediate_size, c.hidden_size, c.mlp_bias);
    matrix(p + "mlp.down_proj", c.hidden_size, c.intermediate_size, c.mlp_bias);
  }
  norm("model.norm", c.hidden_size);
  if (!c.tie_word_embeddings) matrix("lm_head", c.vocab_size, c.hidden_size, false);
  return out;
}

using test::error_of;

}  // namespace lathe
