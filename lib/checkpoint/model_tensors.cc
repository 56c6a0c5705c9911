#include "checkpoint/model_tensors.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::string_view kLayers = "model.layers.";
constexpr std::string_view kGgufLayers = "blk.";
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kBias = ".bias";

// The sizes of a configuration that shapes are made of.
enum class Size {
  kNone,
  kVocab,
  kHidden,
  kHeads,
  kKvHeads,
  kQueryNorm,
  kKeyNorm,
  kHeadCount,
  kMlp,
  kExperts,
  kShared,
};

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
    case Size::kHeadCount:
      return layer->attention.heads;
    case Size::kMlp:
      return layer->mlp.width;
    case Size::kExperts:
      return layer->experts.count;
    case Size::kShared:
      return layer->experts.shared_width;
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
bool has_sinks(const ModelConfig&, const LayerConfig* l) { return l->attention.sinks; }
bool has_experts(const ModelConfig&, const LayerConfig* l) { return l->experts.count > 0; }
bool has_one_mlp(const ModelConfig&, const LayerConfig* l) { return l->experts.count == 0; }
bool has_gate(const ModelConfig&, const LayerConfig* l) {
  return l->mlp.gated && l->experts.count == 0;
}
bool has_expert_gate(const ModelConfig&, const LayerConfig* l) {
  return l->mlp.gated && l->experts.count > 0;
}
bool has_router_bias(const ModelConfig&, const LayerConfig* l) { return l->experts.router_bias; }
bool has_selection_bias(const ModelConfig&, const LayerConfig* l) {
  return l->experts.selection_bias;
}
bool has_shared(const ModelConfig&, const LayerConfig* l) { return l->experts.shared_width > 0; }
bool has_shared_gate(const ModelConfig&, const LayerConfig* l) {
  return l->mlp.gated && l->experts.shared_width > 0;
}
bool has_shared_switch(const ModelConfig&, const LayerConfig* l) { return l->experts.shared_gated; }
bool has_qk_norm(const ModelConfig&, const LayerConfig* l) {
  return l->attention.qk_norm != QkNorm::kNone;
}

// What there is one tensor of.
enum class Per { kModel, kLayer, kExpert };

struct Row {
  TensorRole role;
  Per per;
  // Of a layer's: what follows "model.layers.N."; of an expert's, '*' stands for its number.
  std::string_view name;
  std::string_view gguf;  // of a layer's: what follows "blk.N."; experts stand in one tensor
  std::string_view llama2c;
  Size out, in = Size::kNone;  // in: of matrices
  Question present = always;   // which models, or layers, have it
  Question biased = never;     // which have a bias [out] beside it
  bool rotary = false;         // rows are in rotary order
};

using R = TensorRole;
using S = Size;

// In the order of a pass through the model; the rows of layers stand together.
constexpr Row kTable[] = {
    {R::kEmbedding, Per::kModel, "model.embed_tokens", "token_embd", "token_embedding", S::kVocab,
     S::kHidden},
    {R::kAttentionNorm, Per::kLayer, "input_layernorm", "attn_norm", "rms_att", S::kHidden,
     S::kNone, has_norm_before},
    {R::kQuery, Per::kLayer, "self_attn.q_proj", "attn_q", "wq", S::kHeads, S::kHidden, always,
     has_qkv_bias, true},
    {R::kKey, Per::kLayer, "self_attn.k_proj", "attn_k", "wk", S::kKvHeads, S::kHidden, always,
     has_qkv_bias, true},
    {R::kValue, Per::kLayer, "self_attn.v_proj", "attn_v", "wv", S::kKvHeads, S::kHidden, always,
     has_qkv_bias},
    {R::kQueryNorm, Per::kLayer, "self_attn.q_norm", "attn_q_norm", "", S::kQueryNorm, S::kNone,
     has_qk_norm},
    {R::kKeyNorm, Per::kLayer, "self_attn.k_norm", "attn_k_norm", "", S::kKeyNorm, S::kNone,
     has_qk_norm},
    {R::kAttentionOutput, Per::kLayer, "self_attn.o_proj", "attn_output", "wo", S::kHidden,
     S::kHeads, always, has_output_bias},
    {R::kSinks, Per::kLayer, "self_attn.sinks", "attn_sinks", "", S::kHeadCount, S::kNone,
     has_sinks},
    {R::kAttentionPostNorm, Per::kLayer, "attention_output_norm", "post_attention_norm", "",
     S::kHidden, S::kNone, has_norm_after},
    {R::kMlpNorm, Per::kLayer, "post_attention_layernorm", "ffn_norm", "rms_ffn", S::kHidden,
     S::kNone, has_norm_before},
    {R::kRouter, Per::kLayer, "mlp.gate", "ffn_gate_inp", "", S::kExperts, S::kHidden, has_experts,
     has_router_bias},
    {R::kSelectionBias, Per::kLayer, "mlp.selection", "exp_probs_b.bias", "", S::kExperts, S::kNone,
     has_selection_bias},
    {R::kGate, Per::kLayer, "mlp.gate_proj", "ffn_gate", "w1", S::kMlp, S::kHidden, has_gate,
     has_mlp_bias},
    {R::kUp, Per::kLayer, "mlp.up_proj", "ffn_up", "w3", S::kMlp, S::kHidden, has_one_mlp,
     has_mlp_bias},
    {R::kDown, Per::kLayer, "mlp.down_proj", "ffn_down", "w2", S::kHidden, S::kMlp, has_one_mlp,
     has_mlp_bias},
    {R::kGate, Per::kExpert, "mlp.experts.*.gate_proj", "ffn_gate_exps", "", S::kMlp, S::kHidden,
     has_expert_gate, has_mlp_bias},
    {R::kUp, Per::kExpert, "mlp.experts.*.up_proj", "ffn_up_exps", "", S::kMlp, S::kHidden,
     has_experts, has_mlp_bias},
    {R::kDown, Per::kExpert, "mlp.experts.*.down_proj", "ffn_down_exps", "", S::kHidden, S::kMlp,
     has_experts, has_mlp_bias},
    {R::kSharedSwitch, Per::kLayer, "mlp.shared_expert_gate", "ffn_gate_inp_shexp", "", S::kHidden,
     S::kNone, has_shared_switch},
    {R::kSharedGate, Per::kLayer, "mlp.shared_expert.gate_proj", "ffn_gate_shexp", "", S::kShared,
     S::kHidden, has_shared_gate},
    {R::kSharedUp, Per::kLayer, "mlp.shared_expert.up_proj", "ffn_up_shexp", "", S::kShared,
     S::kHidden, has_shared},
    {R::kSharedDown, Per::kLayer, "mlp.shared_expert.down_proj", "ffn_down_shexp", "", S::kHidden,
     S::kShared, has_shared},
    {R::kMlpPostNorm, Per::kLayer, "mlp_output_norm", "post_ffw_norm", "", S::kHidden, S::kNone,
     has_norm_after},
    {R::kFinalNorm, Per::kModel, "model.norm", "output_norm", "rms_final", S::kHidden},
    {R::kHead, Per::kModel, "lm_head", "output", "wcls", S::kVocab, S::kHidden, has_head},
};

const Row& row_of(const TensorId& id) {
  const auto row = std::find_if(std::begin(kTable), std::end(kTable), [&](const Row& r) {
    return r.role == id.role && (r.per == Per::kExpert) == (id.expert >= 0);
  });
  if (row == std::end(kTable)) fail(ErrorCode::kBug, "a tensor of no role");
  return *row;
}

std::string with_number(std::string_view stem, std::int64_t expert) {
  const std::size_t star = stem.find('*');
  if (star == std::string_view::npos) return std::string(stem);
  return fmt::format("{}{}{}", stem.substr(0, star), expert, stem.substr(star + 1));
}

// A stem that ends like a bias is a whole name.
std::string join(std::string_view layers, std::string_view stem, const TensorId& id) {
  const std::string name = with_number(stem, id.expert);
  const std::string_view end = id.bias ? kBias : stem.ends_with(kBias) ? "" : kWeight;
  return id.layer < 0 ? fmt::format("{}{}", name, end)
                      : fmt::format("{}{}.{}{}", layers, id.layer, name, end);
}

// Takes a number of digits off the front; -1: there is none.
std::int64_t take_number(std::string_view& text) noexcept {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// Whether the name is the stem's, and of which expert.
bool is_of(std::string_view stem, std::string_view name, std::int64_t& expert) noexcept {
  expert = -1;
  const std::size_t star = stem.find('*');
  if (star == std::string_view::npos) return stem == name;
  if (!name.starts_with(stem.substr(0, star))) return false;
  name.remove_prefix(star);
  expert = take_number(name);
  return expert >= 0 && name == stem.substr(star + 1);
}

// "model.layers.3.mlp.up_proj.weight" taken apart, with the names in column `stem`.
std::optional<TensorId> parse(std::string_view name, std::string_view layers,
                              std::string_view Row::*stem) noexcept {
  TensorId id;
  id.bias = name.ends_with(kBias);
  if (!id.bias && !name.ends_with(kWeight)) return std::nullopt;
  const std::string_view whole = name;
  name.remove_suffix(id.bias ? kBias.size() : kWeight.size());
  bool in_layer = false;
  const auto enter_layer = [&](std::string_view& rest) {
    if (!rest.starts_with(layers)) return true;
    rest.remove_prefix(layers.size());
    id.layer = take_number(rest);
    if (id.layer < 0 || !rest.starts_with('.')) return false;
    rest.remove_prefix(1);
    return in_layer = true;
  };
  std::string_view as_whole = whole;
  if (!enter_layer(as_whole) || !enter_layer(name)) return std::nullopt;
  for (const Row& row : kTable) {
    if ((row.per == Per::kModel) == in_layer) continue;
    if ((row.*stem).ends_with(kBias)) {
      if (row.*stem != as_whole) continue;
      id.bias = false;
    } else if (!is_of(row.*stem, name, id.expert)) {
      continue;
    }
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

void fuse_gate_up(bool gate, TensorSlot& slot, TensorPlace& place) {
  place.first_row = gate ? 0 : slot.shape[0];
  place.whole = slot.shape;
  place.whole[0] = 2 * slot.shape[0];
}

// All experts one after the other, each with its rows, or those of gate and up.
void stack(const LayerConfig& layer, const TensorId& id, const TensorSlot& slot,
           TensorPlace& place) {
  if (place.whole.empty()) place.whole = slot.shape;
  place.first_row += id.expert * place.whole[0];
  place.whole.insert(place.whole.begin(), layer.experts.count);
}

bool is_for(const TensorNames& names, const TensorId& id) {
  return names.role == id.role && names.experts == (id.expert >= 0);
}

// What the family says otherwise than the table, for one of the formats, whose name for it in the
// table is `stem`.
void apply(const Family& family, std::string_view TensorNames::*name, std::string_view layers,
           std::string_view stem, const LayerConfig* layer, TensorSlot& slot, TensorPlace& place) {
  const TensorId& id = slot.id;
  for (const TensorNames& names : family.names) {
    if (!is_for(names, id) || (names.*name).empty()) continue;
    stem = names.*name;
    place.name = join(layers, stem, id);
    const bool exact = names.hf_exact && name == &TensorNames::hugging_face;
    if (exact) place.name.resize(place.name.size() - kWeight.size());
  }
  const TensorRole role = id.role;
  if (role == R::kQuery || role == R::kKey || role == R::kValue) {
    const std::string_view fused = family.fused_qkv.*name;
    if (fused.empty()) return;
    place.name = join(layers, fused, id);
    fuse_qkv(layer->attention, role, slot, place);
  } else if (role == R::kGate || role == R::kUp) {
    const TensorNames& names = id.expert < 0 ? family.fused_gate_up : family.fused_expert_gate_up;
    if (!(names.*name).empty()) {
      stem = names.*name;
      place.name = join(layers, stem, id);
      fuse_gate_up(role == R::kGate, slot, place);
    }
  } else if (role == R::kSharedGate || role == R::kSharedUp) {
    const std::string_view fused = family.fused_shared_gate_up.*name;
    if (!fused.empty()) {
      place.name = join(layers, fused, id);
      fuse_gate_up(role == R::kSharedGate, slot, place);
    }
  }
  if (id.expert >= 0 && stem.find('*') == std::string_view::npos) stack(*layer, id, slot, place);
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
  if (!id.bias && id.expert < 0) slot.llama2c.name = row.llama2c;
  slot.llama2c.interleaved = row.rotary;
  static constexpr Family kNone;
  const Family& f = family != nullptr ? *family : kNone;
  slot.hugging_face.interleaved = row.rotary && f.hf_interleaved;
  slot.gguf.interleaved = row.rotary && f.gguf_interleaved;
  slot.hugging_face.less_one = f.hf_norms_less_one && row.in == Size::kNone && !id.bias;
  apply(f, &TensorNames::hugging_face, kLayers, row.name, layer, slot, slot.hugging_face);
  apply(f, &TensorNames::gguf, kGgufLayers, row.gguf, layer, slot, slot.gguf);
  // Vectors that files hold as a matrix of one row.
  if (id.role == R::kSelectionBias || id.role == R::kSharedSwitch) {
    slot.hugging_face.whole = {1, slot.shape[0]};
  }
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
    const bool expert = row.per == Per::kExpert;
    // All experts' matrices, then all their biases, as files have them.
    for (const bool bias : {false, true}) {
      if (bias && !row.biased(config, layer)) return;
      for (std::int64_t e = 0; e < (expert ? layer->experts.count : 1); ++e) {
        slots.push_back(make_slot(row, {row.role, index, bias, expert ? e : -1}, config, family));
      }
    }
  };
  const auto is_layers = [](const Row& row) { return row.per != Per::kModel; };
  const auto first = std::find_if(std::begin(kTable), std::end(kTable), is_layers);
  const auto last = std::find_if_not(first, std::end(kTable), is_layers);
  std::for_each(std::begin(kTable), first, [&](const Row& row) { add(row, -1); });
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    std::for_each(first, last, [&](const Row& row) { add(row, layer); });
  }
  std::for_each(last, std::end(kTable), [&](const Row& row) { add(row, -1); });
  return slots;
}

bool is_matrix(TensorRole role) noexcept {
  return std::any_of(std::begin(kTable), std::end(kTable),
                     [=](const Row& row) { return row.role == role && row.in != Size::kNone; });
}

std::string tensor_name(const TensorId& id) { return join(kLayers, row_of(id).name, id); }

std::string joined_experts_name(TensorRole role, std::int64_t layer) {
  return fmt::format("model.layers.{}.mlp.experts.{}", layer,
                     role == TensorRole::kDown ? "down_proj" : "gate_up_proj");
}

std::string gguf_tensor_name(const TensorId& id) { return join(kGgufLayers, row_of(id).gguf, id); }

std::optional<TensorId> tensor_by_name(std::string_view name) noexcept {
  return parse(name, kLayers, &Row::name);
}

std::optional<TensorId> tensor_by_gguf_name(std::string_view name) noexcept {
  return parse(name, kGgufLayers, &Row::gguf);
}

std::string matrix_in_gguf_tensor(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kJoined[] = {
      {".attn_qkv.", ".attn_q."}, {".ffn_gate_up_exps.", ".ffn_up_exps."}};
  std::string out(name);
  for (const auto& [joined, one] : kJoined) {
    const std::size_t at = out.find(joined);
    if (at != out.npos) return out.replace(at, joined.size(), one);
  }
  return out;
}

bool is_ignorable_tensor(std::string_view name, const ModelConfig& config) noexcept {
  if (name.ends_with("rotary_emb.inv_freq")) return true;
  return config.tie_word_embeddings && tensor_by_name(name) == TensorId{TensorRole::kHead};
}

}  // namespace lathe
