// The model families that this project knows, as a table: what differs between them in the
// files. Everything here is a fact of Hugging Face's configuration classes (defaults of absent
// keys, which biases exist) or of GGUF's conventions; the forward pass sees only ModelConfig.
//
// A new family is a row here: names of tensors where they differ from the table of
// model_tensors.cc, and flags. What it computes that no other does goes into ModelConfig.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lathe/checkpoint_parts.h"
#include "lathe/model_config.h"

namespace lathe {

// How config.json says that attention sees a window only.
enum class WindowRule {
  kNone,      // the family has none
  kAlways,    // "sliding_window", every layer
  kOptional,  // "sliding_window" counts when "use_sliding_window", from "max_window_layers" on
};

// What a family's files call a tensor: what follows "model.layers.N." or "blk.N.", or the whole
// name, without ".weight". Empty: as the table of tensors has it.
struct TensorNames {
  TensorRole role = TensorRole::kOther;
  std::string_view hugging_face = {};
  std::string_view gguf = {};
};

struct Family {
  std::string_view type = {};          // config.json's model_type, ModelConfig::family
  std::string_view architecture = {};  // config.json's architectures[0]
  std::string_view gguf = {};          // GGUF's general.architecture

  std::span<const TensorNames> names = {};  // that differ from the table's
  // Files hold q, k and v, or gate and up, as one matrix, rows after rows, under these names
  // (as TensorNames); empty: apart.
  TensorNames fused_qkv = {};
  TensorNames fused_gate_up = {};

  // Rows of q and k stand in the interleaved rotary order (pairs 2i, 2i + 1) in files of
  bool hf_interleaved = false;          // Hugging Face
  bool gguf_interleaved = false;        // GGUF
  bool has_attention_bias_key = false;  // "attention_bias": q, k, v and o
  bool has_mlp_bias_key = false;        // "mlp_bias"
  bool qkv_bias = false;                // q, k and v always have one
  QkNorm qk_norm = QkNorm::kNone;
  WindowRule window = WindowRule::kNone;

  // What an absent key of config.json means.
  std::int64_t max_position = 0;
  std::int64_t kv_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;  // 0: hidden_size / heads
  std::int64_t bos = -1;
  std::int64_t eos = -1;

  // Among the families that share GGUF's name it is the one that has a window.
  bool gguf_if_windowed = false;
  // What GGUF's readers know of this architecture: Llama 3's rotary factors, and biases of the
  // attention's output and of the feed-forward part.
  bool gguf_rope_factors = false;
  bool gguf_all_biases = false;
};

// By model_type; nullptr when unknown.
const Family* family_by_type(std::string_view type) noexcept;
// By config.json's class name, for files without model_type.
const Family* family_by_architecture(std::string_view architecture) noexcept;
// The family that GGUF's architecture stands for; several may share the name.
const Family* family_by_gguf(std::string_view architecture, bool windowed) noexcept;

// "llama, mistral, ...", for messages: the families, and GGUF's names.
std::string supported_types();
std::string supported_gguf();

}  // namespace lathe
