#include "checkpoint/family.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace lathe {
namespace {

// Norms around both blocks, the second of which the table of tensors calls as others call the
// one before the feed-forward part.
constexpr std::array<TensorNames, 3> kNormsAround = {{
    {TensorRole::kAttentionPostNorm, "post_attention_layernorm"},
    {TensorRole::kMlpNorm, "pre_feedforward_layernorm"},
    {TensorRole::kMlpPostNorm, "post_feedforward_layernorm"},
}};

constexpr std::array<TensorNames, 2> kNormsAfter = {{
    {TensorRole::kAttentionPostNorm, "post_attention_layernorm"},
    {TensorRole::kMlpPostNorm, "post_feedforward_layernorm"},
}};

// Defaults are those of the classes' definitions in transformers 5.
constexpr std::array<Family, 10> kFamilies = {{
    {.type = "llama",
     .architecture = "LlamaForCausalLM",
     .gguf = "llama",
     .gguf_interleaved = true,
     .has_attention_bias_key = true,
     .has_mlp_bias_key = true,
     .max_position = 2048,
     .bos = 1,
     .eos = 2,
     .gguf_rope_factors = true,
     .gguf_all_biases = true},
    {.type = "mistral",
     .architecture = "MistralForCausalLM",
     .gguf = "llama",
     .gguf_interleaved = true,
     .window = WindowRule::kAlways,
     .max_position = 131072,
     .kv_heads = 8,
     .bos = 1,
     .eos = 2,
     .gguf_if_windowed = true,
     .gguf_rope_factors = true,
     .gguf_all_biases = true},
    {.type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .gguf = "qwen2",
     .qkv_bias = true,
     .window = WindowRule::kOptional,
     .max_position = 32768,
     .kv_heads = 32},
    {.type = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .gguf = "qwen3",
     .also_type = "qwen3_vl_text",
     .also_gguf = "qwen3vl",
     .has_attention_bias_key = true,
     .qk_norm = QkNorm::kPerHead,
     .window = WindowRule::kOptional,
     .max_position = 32768,
     .kv_heads = 32,
     .head_dim = 128},
    {.type = "gemma2",
     .architecture = "Gemma2ForCausalLM",
     .gguf = "gemma2",
     .names = kNormsAround,
     .has_attention_bias_key = true,
     .norms = NormPlace::kAround,
     .hf_norms_less_one = true,
     .embedding_by_root = true,
     .window = WindowRule::kPattern,
     .window_period = 2,
     .query_scalar = 256,
     .soft_caps = true,
     .activation_key = "hidden_activation",
     .activation = Activation::kGeluTanh,
     .attention_cap = 50.0,
     .logit_cap = 30.0,
     .tied = true,
     .vocab_size = 256000,
     .heads = 8,
     .max_position = 8192,
     .kv_heads = 4,
     .head_dim = 256,
     .bos = 2,
     .eos = 1,
     .pad = 0,
     .gguf_wide_scalar_layers = 46},
    {.type = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .gguf = "gemma3",
     .also_type = "gemma3",
     .names = kNormsAround,
     .has_attention_bias_key = true,
     .qk_norm = QkNorm::kPerHead,
     .norms = NormPlace::kAround,
     .hf_norms_less_one = true,
     .embedding_by_root = true,
     .window = WindowRule::kPattern,
     .window_period = 6,
     .local_theta = 10000.0,
     .query_scalar = 256,
     .soft_caps = true,
     .activation_key = "hidden_activation",
     .activation = Activation::kGeluTanh,
     .theta = 1000000.0,
     .tied = true,
     .vocab_size = 262208,
     .heads = 8,
     .max_position = 131072,
     .kv_heads = 4,
     .head_dim = 256,
     .bos = 2,
     .eos = 1,
     .pad = 0,
     .gguf_wide_scalar_layers = 62},
    {.type = "granite",
     .architecture = "GraniteForCausalLM",
     .gguf = "granite",
     .gguf_interleaved = true,
     .has_attention_bias_key = true,
     .has_mlp_bias_key = true,
     .multipliers = true,
     .max_position = 2048,
     .bos = 1,
     .eos = 2},
    {.type = "olmo2",
     .architecture = "Olmo2ForCausalLM",
     .gguf = "olmo2",
     .names = kNormsAfter,
     .has_attention_bias_key = true,
     .qk_norm = QkNorm::kWhole,
     .norms = NormPlace::kAfter,
     .eps = 1e-5,
     .max_position = 2048,
     .eos = 50279,
     .pad = 1},
    {.type = "smollm3",
     .architecture = "SmolLM3ForCausalLM",
     .gguf = "smollm3",
     .gguf_interleaved = true,
     .has_attention_bias_key = true,
     .has_mlp_bias_key = true,
     .window = WindowRule::kOptional,
     .no_rope_period = 4,
     .theta = 2000000.0,
     .tied = true,
     .max_position = 32768,
     .kv_heads = 4,
     .bos = 128000,
     .eos = 128001,
     .pad = 128004},
    {.type = "phi3",
     .architecture = "Phi3ForCausalLM",
     .gguf = "phi3",
     .fused_qkv = {TensorRole::kQuery, "self_attn.qkv_proj", "attn_qkv"},
     .fused_gate_up = {TensorRole::kGate, "mlp.gate_up_proj", "ffn_up"},
     .window = WindowRule::kAlways,
     .partial_rotary = true,
     .eps = 1e-5,
     .max_position = 4096,
     .window_size = 0,
     .bos = 1,
     .eos = 32000,
     .pad = 32000},
}};

template <typename Key>
const Family* find(Key key, std::string_view value) noexcept {
  for (const Family& family : kFamilies) {
    if (family.*key == value) return &family;
  }
  return nullptr;
}

// Each name once.
template <typename Key>
std::string list(Key key) {
  std::string out;
  for (auto family = kFamilies.begin(); family != kFamilies.end(); ++family) {
    const std::string_view name = (*family).*key;
    const bool seen = std::any_of(kFamilies.begin(), family,
                                  [&](const Family& earlier) { return earlier.*key == name; });
    if (!seen) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  }
  return out;
}

}  // namespace

const Family* family_by_type(std::string_view type) noexcept {
  if (type.empty()) return nullptr;
  const Family* family = find(&Family::type, type);
  return family != nullptr ? family : find(&Family::also_type, type);
}

const Family* family_by_architecture(std::string_view architecture) noexcept {
  return find(&Family::architecture, architecture);
}

const Family* family_by_gguf(std::string_view architecture, bool windowed) noexcept {
  const auto is_it = [=](const Family& f) {
    return f.gguf == architecture && f.gguf_if_windowed == windowed;
  };
  const auto found = std::find_if(kFamilies.begin(), kFamilies.end(), is_it);
  if (found != kFamilies.end()) return &*found;
  const Family* family = find(&Family::gguf, architecture);
  if (family != nullptr || architecture.empty()) return family;
  return find(&Family::also_gguf, architecture);
}

void apply_family(const Family& family, ModelConfig& config) {
  if (family.embedding_by_root) {
    config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  }
  for (LayerConfig& layer : config.layers) {
    layer.norms = family.norms;
    layer.attention.qk_norm = family.qk_norm;
  }
}

RopeConfig plain_rope(double theta) {
  RopeConfig rope;
  rope.theta = theta;
  return rope;
}

RopeConfig local_rope(const Family& family, const RopeConfig& rope, double theta) {
  if (family.local_theta == 0.0) return rope;
  return plain_rope(theta);
}

double scale_of_query_scalar(double scalar, std::int64_t head_dim) {
  return scalar == static_cast<double>(head_dim) ? 0.0 : 1.0 / std::sqrt(scalar);
}

double query_scalar_of_scale(double scale, std::int64_t head_dim) {
  if (scale == 0.0) return static_cast<double>(head_dim);
  const double scalar = 1.0 / (scale * scale);
  const double whole = std::round(scalar);
  return std::abs(scalar - whole) < 1e-9 * whole ? whole : scalar;
}

void apply_gguf_rules(const Family& family, ModelConfig& config) {
  const std::int64_t period = family.no_rope_period;
  for (std::int64_t layer = period - 1; period > 0 && layer < config.num_layers();
       layer += period) {
    config.layers[static_cast<std::size_t>(layer)].attention.rotary_dims = 0;
  }
  if (family.query_scalar == 0) return;
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    const bool wide = config.num_layers() == family.gguf_wide_scalar_layers;
    const std::int64_t scalar = wide ? config.hidden_size / a.heads : a.head_dim;
    a.scale = scale_of_query_scalar(static_cast<double>(scalar), a.head_dim);
  }
}

std::string supported_types() { return list(&Family::type); }
std::string supported_gguf() { return list(&Family::gguf); }

}  // namespace lathe
