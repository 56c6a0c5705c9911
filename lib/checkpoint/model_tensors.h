// What a model consists of: the one table of its tensors.
//
// Each tensor stands there once, with its role, its shape by the configuration, and its place
// in a file of each format: under which name it is held there, and how. Nobody else knows a
// tensor's name: opening, loading, writing, adapters, importance matrices, the quantizer's rules
// and the benchmarks ask for roles.
//
//   role   Checkpoint and .lathe                       GGUF               llama2.c
//   kQuery model.layers.N.self_attn.q_proj.weight      blk.N.attn_q.weight  wq, all layers in one
//
// Checkpoint's names are those that Hugging Face gives a llama, whatever the family. A family
// whose files differ says so in its row (family.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/model_config.h"

#include "checkpoint/family.h"

namespace lathe {

// Where a file holds a tensor, and how.
struct TensorPlace {
  std::string name;
  bool interleaved = false;  // rows of each head are in interleaved rotary order (row_order.h)
  bool less_one = false;     // a norm's weights, less one
  // Where a file's tensor holds several of ours, rows after rows: its shape, and the first row of
  // this; empty: this alone.
  std::vector<std::int64_t> whole = {};
  std::int64_t first_row = 0;

  bool fused() const noexcept { return !whole.empty(); }
};

struct TensorSlot {
  TensorId id;
  std::vector<std::int64_t> shape;  // [out, in], or [n]
  // By format. llama2.c's holds all layers, one after the other; its name is empty where that
  // format has no such tensor.
  TensorPlace lathe;
  TensorPlace hugging_face;
  TensorPlace gguf;
  TensorPlace llama2c;

  // As Checkpoint and native files call it.
  const std::string& name() const noexcept { return lathe.name; }
};

// In the order of a pass through the model: embedding, layers, norm, output. Places are those of
// `family`; null: of one without a row, which differs in nothing from the table.
std::vector<TensorSlot> tensor_slots(const ModelConfig& config, const Family* family);
// Of the configuration's own family.
std::vector<TensorSlot> tensor_slots(const ModelConfig& config);

// Whether the role is one of a matrix, not of a norm.
bool is_matrix(TensorRole role) noexcept;

// As Checkpoint calls it, whether or not a given model has one.
std::string tensor_name(const TensorId& id);
// Of gpt-oss: how the name begins of what all experts of a layer have in one tensor; gate and up
// are one.
std::string joined_experts_name(TensorRole role, std::int64_t layer);
// As GGUF does where the family does not differ.
std::string gguf_tensor_name(const TensorId& id);
// Of a tensor in which some families' files hold several matrices: GGUF's name of one of them, by
// itself. Another name as it is.
std::string matrix_in_gguf_tensor(std::string_view name);
// The inverses; nothing for a name that is none of ours.
std::optional<TensorId> tensor_by_name(std::string_view name) noexcept;
std::optional<TensorId> tensor_by_gguf_name(std::string_view name) noexcept;

// Tensors that Hugging Face's files may hold and no model needs: rotary frequencies that
// old versions saved, and the output matrix of a model that ties it to the embedding.
bool is_ignorable_tensor(std::string_view name, const ModelConfig& config) noexcept;

// GGUF's divisors of rotary frequencies, a tensor that is part of the configuration.
inline constexpr const char* kGgufRopeFactors = "rope_freqs.weight";
// LongRoPE's, for contexts up to the original one and for longer ones.
inline constexpr const char* kGgufShortFactors = "rope_factors_short.weight";
inline constexpr const char* kGgufLongFactors = "rope_factors_long.weight";

}  // namespace lathe
