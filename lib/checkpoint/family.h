// The model families that this project knows, as a table: what differs between them in the
// files. Everything here is a fact of Hugging Face's configuration classes (defaults of absent
// keys, which biases exist) or of GGUF's conventions; the forward pass sees only ModelConfig.
//
// A new family is a row here, plus tensor names where they differ (model_tensors.cc).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace lathe {

// How config.json says that attention sees a window only.
enum class WindowRule {
  kNone,      // the family has none
  kAlways,    // "sliding_window", every layer
  kOptional,  // "sliding_window" counts when "use_sliding_window", from "max_window_layers" on
};

struct Family {
  std::string_view type;          // config.json's model_type, ModelConfig::family
  std::string_view architecture;  // config.json's architectures[0]
  std::string_view gguf;          // GGUF's general.architecture

  // GGUF's q and k rows stand in the interleaved rotary order (pairs 2i, 2i + 1).
  bool gguf_interleaved = false;
  bool has_attention_bias_key = false;  // "attention_bias": q, k, v and o
  bool has_mlp_bias_key = false;        // "mlp_bias"
  bool qkv_bias = false;                // q, k and v always have one
  bool qk_norm = false;
  WindowRule window = WindowRule::kNone;

  // What an absent key of config.json means.
  std::int64_t max_position = 0;
  std::int64_t kv_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;  // 0: hidden_size / heads
  std::int64_t bos = -1;
  std::int64_t eos = -1;
};

std::span<const Family> families() noexcept;

// By model_type; nullptr when unknown.
const Family* family_by_type(std::string_view type) noexcept;
// By config.json's class name, for files without model_type.
const Family* family_by_architecture(std::string_view architecture) noexcept;
// The family that GGUF's architecture stands for: the first of those that share the name.
const Family* family_by_gguf(std::string_view architecture) noexcept;

}  // namespace lathe
