// The tensors that a model of a given configuration consists of: names in Hugging Face's and
// in GGUF's terms, and shapes. What opening checks a file against, and what conversion
// writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/model_config.h"

namespace lathe {

struct TensorSlot {
  std::string name;                 // "model.layers.0.self_attn.q_proj.weight"
  std::string gguf;                 // "blk.0.attn_q.weight"
  std::vector<std::int64_t> shape;  // [out, in], or [n]
  bool rotary = false;              // a weight or bias of q or k: rows are in rotary order
};

// In the order of a pass through the model: embedding, layers, norm, output.
std::vector<TensorSlot> tensor_slots(const ModelConfig& config);

// Tensors that Hugging Face's files may hold and no model needs: rotary frequencies that
// old versions saved, and the output matrix of a model that ties it to the embedding.
bool is_ignorable_tensor(std::string_view name, const ModelConfig& config) noexcept;

}  // namespace lathe
