#include "checkpoint/model_tensors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kGgufLayers = "blk.";
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kBias = ".bias";

// The sizes of a configuration that shapes are made of.
enum class Size { kNone, kVocab, kHidden, kHeads, kKvHeads, kQueryNorm, kKeyNorm, kMlp };

std::int64_t norm_size(const AttentionConfig& attention, std::int64_t rows) {
  return attention.qk_norm == QkNorm::kWhole ? rows : attention.head_dim;
}

// `layer` is null for tensors of no layer.
std::int64_t size_of(Size size, const ModelConfig& c, const LayerConfig* layer) {
  switch (size) {
    case Size::kNone:
      break;
    case Size::kVocab:
      return c.vocab_size;
    case Size::kHidden:
      return c.hidden_size;
    case Size::kHeads:
      return layer->attention.query_rows();
    case Size::kKvHeads:
      return layer->attention.kv_rows();
    case Size::kQueryNorm:
      return norm_size(layer->attention, layer->attention.query_rows());
    case Size::kKeyNorm:
      return norm_size(layer->attention, layer->attention.kv_rows());
    case Size::kMlp:
      return layer->mlp.width;
  }
  fail(ErrorCode::kBug, "a tensor without a size");
}

using Question = bool (*)(const ModelConfig&, const LayerConfig*);

bool always(const ModelConfig&, const LayerConfig*) { return true; }
bool never(const ModelConfig&, const LayerConfig*) { return false; }
bool has_head(const ModelConfig& c, const LayerConfig*) { return !c.tie_word_embeddings; }
bool has_qkv_bias(const ModelConfig&, const LayerConfig* l) { return l->attention.qkv_bias; }
bool has_output_bias(const ModelConfig&, const LayerConfig* l) { return l->attention.output_bias; }
bool has_mlp_bias(const ModelConfig&, const LayerConfig* l) { return l->mlp.bias; }
bool has_norm_before(const ModelConfig&, const LayerConfig* l) {
  return l->norms != NormPlace::kAfter;
}
bool has_norm_after(const ModelConfig&, const LayerConfig* l) {
  return l->norms != NormPlace::kBefore;
}
bool has_gate(const ModelConfig&, const LayerConfig* l) { return l->mlp.gated; }
bool has_qk_norm(const ModelConfig&, const LayerConfig* l) {
  return l->attention.qk_norm != QkNorm::kNone;
}

struct Row {
  TensorRole role;
  bool per_layer;
  std::string_view name;  // of a layer's: what follows "model.layers.N."
  std::string_view gguf;  // of a layer's: what follows "blk.N."
  std::string_view llama2c;
  Size out, in = Size::kNone;  // in: of matrices
  Question present = always;   // which models, or layers, have it
  Question biased = never;     // which have a bias [out] beside it
  bool rotary = false;         // rows are in rotary order
};

using R = TensorRole;
using S = Size;

// In the order of a pass through the model; the rows of layers stand together.
constexpr std::array<Row, 16> kTable = {{
    {R::kEmbedding, false, "model.embed_tokens", "token_embd", "token_embedding", S::kVocab,
     S::kHidden},
    {R::kAttentionNorm, true, "input_layernorm", "attn_norm", "rms_att", S::kHidden, S::kNone,
     has_norm_before},
    {R::kQuery, true, "self_attn.q_proj", "attn_q", "wq", S::kHeads, S::kHidden, always,
     has_qkv_bias, true},
    {R::kKey, true, "self_attn.k_proj", "attn_k", "wk", S::kKvHeads, S::kHidden, always,
     has_qkv_bias, true},
    {R::kValue, true, "self_attn.v_proj", "attn_v", "wv", S::kKvHeads, S::kHidden, always,
     has_qkv_bias},
    {R::kQueryNorm, true, "self_attn.q_norm", "attn_q_norm", "", S::kQueryNorm, S::kNone,
     has_qk_norm},
    {R::kKeyNorm, true, "self_attn.k_norm", "attn_k_norm", "", S::kKeyNorm, S::kNone, has_qk_norm},
    {R::kAttentionOutput, true, "self_attn.o_proj", "attn_output", "wo", S::kHidden, S::kHeads,
     always, has_output_bias},
    {R::kAttentionPostNorm, true, "attention_output_norm", "post_attention_norm", "", S::kHidden,
     S::kNone, has_norm_after},
    {R::kMlpNorm, true, "post_attention_layernorm", "ffn_norm", "rms_ffn", S::kHidden, S::kNone,
     has_norm_before},
    {R::kGate, true, "mlp.gate_proj", "ffn_gate", "w1", S::kMlp, S::kHidden, has_gate,
     has_mlp_bias},
    {R::kUp, true, "mlp.up_proj", "ffn_up", "w3", S::kMlp, S::kHidden, always, has_mlp_bias},
    {R::kDown, true, "mlp.down_proj", "ffn_down", "w2", S::kHidden, S::kMlp, always, has_mlp_bias},
    {R::kMlpPostNorm, true, "mlp_output_norm", "post_ffw_norm", "", S::kHidden, S::kNone,
     has_norm_after},
    {R::kFinalNorm, false, "model.norm", "output_norm", "rms_final", S::kHidden},
    {R::kHead, false, "lm_head", "output", "wcls", S::kVocab, S::kHidden, has_head},
}};

const Row& row_of(TensorRole role) {
  const auto row =
      std::find_if(kTable.begin(), kTable.end(), [=](const Row& r) { return r.role == role; });
  if (row == kTable.end()) fail(ErrorCode::kBug, "a tensor of no role");
  return *row;
}

std::string join(std::string_view layers, std::string_view stem, const TensorId& id) {
  const std::string_view end = id.bias ? kBias : kWeight;
  return id.layer < 0 ? fmt::format("{}{}", stem, end)
                      : fmt::format("{}{}.{}{}", layers, id.layer, stem, end);
}

// "model.layers.3.mlp.up_proj.weight" taken apart, with the names in column `stem`.
std::optional<TensorId> parse(std::string_view name, std::string_view layers,
                              std::string_view Row::*stem) noexcept {
  TensorId id;
  id.bias = name.ends_with(kBias);
  if (!id.bias && !name.ends_with(kWeight)) return std::nullopt;
  name.remove_suffix(id.bias ? kBias.size() : kWeight.size());
  if (name.starts_with(layers)) {
    name.remove_prefix(layers.size());
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id.layer);
    if (error != std::errc() || id.layer < 0) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (!name.starts_with('.')) return std::nullopt;
    name.remove_prefix(1);
  }
  for (const Row& row : kTable) {
    if (row.*stem != name || row.per_layer != (id.layer >= 0)) continue;
    id.role = row.role;
    return id;
  }
  return std::nullopt;
}

// Rows of the file's tensor before those of this role, and in all, where q, k and v are one.
void fuse_qkv(const AttentionConfig& a, TensorRole role, TensorSlot& slot, TensorPlace& place) {
  place.first_row = role == TensorRole::kQuery ? 0
                    : role == TensorRole::kKey ? a.query_rows()
                                               : a.query_rows() + a.kv_rows();
  place.whole = slot.shape;
  place.whole[0] = a.query_rows() + 2 * a.kv_rows();
}

void fuse_gate_up(const MlpConfig& mlp, TensorRole role, TensorSlot& slot, TensorPlace& place) {
  place.first_row = role == TensorRole::kGate ? 0 : mlp.width;
  place.whole = slot.shape;
  place.whole[0] = 2 * mlp.width;
}

// What the family says otherwise than the table, for one of the formats.
void apply(const Family& family, std::string_view TensorNames::*name, std::string_view layers,
           const LayerConfig* layer, TensorSlot& slot, TensorPlace& place) {
  const TensorId& id = slot.id;
  for (const TensorNames& names : family.names) {
    if (names.role == id.role && !(names.*name).empty()) {
      place.name = join(layers, names.*name, id);
    }
  }
  const TensorRole role = id.role;
  if (role == R::kQuery || role == R::kKey || role == R::kValue) {
    const std::string_view fused = family.fused_qkv.*name;
    if (fused.empty()) return;
    place.name = join(layers, fused, id);
    fuse_qkv(layer->attention, role, slot, place);
  } else if (role == R::kGate || role == R::kUp) {
    const std::string_view fused = family.fused_gate_up.*name;
    if (fused.empty()) return;
    place.name = join(layers, fused, id);
    fuse_gate_up(layer->mlp, role, slot, place);
  }
}

TensorSlot make_slot(const Row& row, const TensorId& id, const ModelConfig& config,
                     const Family* family) {
  const LayerConfig* layer = id.layer < 0 ? nullptr : &config.layer(id.layer);
  TensorSlot slot;
  slot.id = id;
  slot.shape = {size_of(row.out, config, layer)};
  if (row.in != Size::kNone && !id.bias) slot.shape.push_back(size_of(row.in, config, layer));
  slot.lathe.name = tensor_name(id);
  slot.hugging_face.name = slot.lathe.name;
  slot.gguf.name = gguf_tensor_name(id);
  if (!id.bias) slot.llama2c.name = row.llama2c;
  slot.llama2c.interleaved = row.rotary;
  if (family == nullptr) return slot;
  slot.hugging_face.interleaved = row.rotary && family->hf_interleaved;
  slot.gguf.interleaved = row.rotary && family->gguf_interleaved;
  slot.hugging_face.less_one = family->hf_norms_less_one && row.in == Size::kNone && !id.bias;
  apply(*family, &TensorNames::hugging_face, kLayers, layer, slot, slot.hugging_face);
  apply(*family, &TensorNames::gguf, kGgufLayers, layer, slot, slot.gguf);
  return slot;
}

}  // namespace

std::vector<TensorSlot> tensor_slots(const ModelConfig& config) {
  return tensor_slots(config, family_by_type(config.family));
}

std::vector<TensorSlot> tensor_slots(const ModelConfig& config, const Family* family) {
  std::vector<TensorSlot> slots;
  const auto add = [&](const Row& row, std::int64_t index) {
    const LayerConfig* layer = index < 0 ? nullptr : &config.layer(index);
    if (!row.present(config, layer)) return;
    slots.push_back(make_slot(row, {row.role, index, false}, config, family));
    if (!row.biased(config, layer)) return;
    slots.push_back(make_slot(row, {row.role, index, true}, config, family));
  };
  const auto is_layers = [](const Row& row) { return row.per_layer; };
  const auto first = std::find_if(kTable.begin(), kTable.end(), is_layers);
  const auto last = std::find_if_not(first, kTable.end(), is_layers);
  std::for_each(kTable.begin(), first, [&](const Row& row) { add(row, -1); });
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    std::for_each(first, last, [&](const Row& row) { add(row, layer); });
  }
  std::for_each(last, kTable.end(), [&](const Row& row) { add(row, -1); });
  return slots;
}

bool is_matrix(TensorRole role) noexcept {
  return std::any_of(kTable.begin(), kTable.end(),
                     [=](const Row& row) { return row.role == role && row.in != Size::kNone; });
}

std::string tensor_name(const TensorId& id) { return join(kLayers, row_of(id.role).name, id); }

std::string gguf_tensor_name(const TensorId& id) {
  return join(kGgufLayers, row_of(id.role).gguf, id);
}

std::optional<TensorId> tensor_by_name(std::string_view name) noexcept {
  return parse(name, kLayers, &Row::name);
}

std::optional<TensorId> tensor_by_gguf_name(std::string_view name) noexcept {
  return parse(name, kGgufLayers, &Row::gguf);
}

bool is_ignorable_tensor(std::string_view name, const ModelConfig& config) noexcept {
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  return config.tie_word_embeddings && tensor_by_name(name) == TensorId{TensorRole::kHead};
}

}  // namespace lathe
