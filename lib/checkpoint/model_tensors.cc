#include "checkpoint/model_tensors.h"

#include <fmt/format.h>

namespace lathe {
namespace {

class SlotList {
 public:
  void add(std::string name, std::string gguf, std::vector<std::int64_t> shape,
           bool rotary = false) {
    slots_.push_back({std::move(name), std::move(gguf), std::move(shape), rotary});
  }

  // A matrix, and its bias where there is one.
  void add_linear(const std::string& name, const std::string& gguf, std::int64_t out,
                  std::int64_t in, bool bias, bool rotary = false) {
    add(name + ".weight", gguf + ".weight", {out, in}, rotary);
    if (bias) add(name + ".bias", gguf + ".bias", {out}, rotary);
  }

  std::vector<TensorSlot> take() { return std::move(slots_); }

 private:
  std::vector<TensorSlot> slots_;
};

void add_layer(const ModelConfig& c, std::int64_t layer, SlotList& list) {
  const std::string hf = fmt::format("model.layers.{}.", layer);
  const std::string gguf = fmt::format("blk.{}.", layer);
  const std::int64_t q_rows = c.num_heads * c.head_dim;
  const std::int64_t kv_rows = c.num_kv_heads * c.head_dim;
  const std::string attention = hf + "self_attn.";
  const std::string mlp = hf + "mlp.";
  list.add(hf + "input_layernorm.weight", gguf + "attn_norm.weight", {c.hidden_size});
  list.add_linear(attention + "q_proj", gguf + "attn_q", q_rows, c.hidden_size, c.qkv_bias, true);
  list.add_linear(attention + "k_proj", gguf + "attn_k", kv_rows, c.hidden_size, c.qkv_bias, true);
  list.add_linear(attention + "v_proj", gguf + "attn_v", kv_rows, c.hidden_size, c.qkv_bias);
  if (c.qk_norm) {
    list.add(attention + "q_norm.weight", gguf + "attn_q_norm.weight", {c.head_dim});
    list.add(attention + "k_norm.weight", gguf + "attn_k_norm.weight", {c.head_dim});
  }
  list.add_linear(attention + "o_proj", gguf + "attn_output", c.hidden_size, q_rows,
                  c.attention_output_bias);
  list.add(hf + "post_attention_layernorm.weight", gguf + "ffn_norm.weight", {c.hidden_size});
  list.add_linear(mlp + "gate_proj", gguf + "ffn_gate", c.intermediate_size, c.hidden_size,
                  c.mlp_bias);
  list.add_linear(mlp + "up_proj", gguf + "ffn_up", c.intermediate_size, c.hidden_size, c.mlp_bias);
  list.add_linear(mlp + "down_proj", gguf + "ffn_down", c.hidden_size, c.intermediate_size,
                  c.mlp_bias);
}

}  // namespace

std::vector<TensorSlot> tensor_slots(const ModelConfig& config) {
  SlotList list;
  list.add("model.embed_tokens.weight", "token_embd.weight",
           {config.vocab_size, config.hidden_size});
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    add_layer(config, layer, list);
  }
  list.add("model.norm.weight", "output_norm.weight", {config.hidden_size});
  if (!config.tie_word_embeddings) {
    list.add("lm_head.weight", "output.weight", {config.vocab_size, config.hidden_size});
  }
  return list.take();
}

bool is_ignorable_tensor(std::string_view name, const ModelConfig& config) noexcept {
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  return config.tie_word_embeddings && name == "lm_head.weight";
}

}  // namespace lathe
