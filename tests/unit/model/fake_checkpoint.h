// A checkpoint in memory, for tests: a configuration and named float32 tensors.
#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"

#include "checkpoint/model_tensors.h"
#include "support/layers.h"
#include "support/refusal.h"

namespace lathe {

class FakeCheckpoint : public Checkpoint {
 public:
  explicit FakeCheckpoint(ModelConfig config) : config_(std::move(config)) {}

  void put(const std::string& name, std::vector<std::int64_t> shape, std::vector<float> values) {
    remove(name);
    infos_.push_back({name, DType::kF32, std::move(shape), values.size() * sizeof(float),
                      tensor_by_name(name).value()});
    values_.push_back(std::move(values));
  }
  void remove(const std::string& name) {
    if (const auto i = find(name)) {
      infos_.erase(infos_.begin() + static_cast<std::ptrdiff_t>(*i));
      values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(*i));
    }
  }
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
  c.max_position = 400;
  LayerConfig layer;
  layer.attention.heads = 4;
  layer.attention.kv_heads = 2;
  layer.attention.head_dim = 6;
  layer.mlp.width = 40;
  c.layers.assign(2, layer);
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
  for (const TensorSlot& slot : tensor_slots(c)) {
    const std::int64_t cols = slot.shape.back();
    if (slot.shape.size() == 2) {
      const float range = 1.7F / std::sqrt(static_cast<float>(cols));
      out->put(slot.name(), slot.shape, draw(slot.shape[0] * cols, -range, range));
    } else if (slot.id.bias) {
      out->put(slot.name(), slot.shape, draw(cols, -0.5F, 0.5F));
    } else {
      out->put(slot.name(), slot.shape, draw(cols, 0.5F, 1.5F));
    }
  }
  return out;
}

using test::each_layer;
using test::error_of;

}  // namespace lathe
