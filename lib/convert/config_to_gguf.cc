#include "convert/config_to_gguf.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/fail.h"
#include "checkpoint/common_layer.h"
#include "checkpoint/config_text.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/rope_factors.h"

namespace lathe {
namespace {

class Keys {
 public:
  Keys(GgufMetadata& keys, std::string_view architecture)
      : keys_(keys), architecture_(architecture) {}

  void integer(std::string_view name, std::int64_t value) {
    const auto narrow = checked_cast<std::uint32_t>(value);
    if (!narrow) fail_unsupported("{} is {}, which GGUF cannot hold", name, value);
    keys_.set_u32(key(name), *narrow);
  }
  void real(std::string_view name, double value) {
    keys_.set_f32(key(name), static_cast<float>(value));
  }
  void boolean(std::string_view name, bool value) { keys_.set_bool(key(name), value); }
  void string(std::string_view name, std::string_view value) { keys_.set_string(key(name), value); }
  void i32s(std::string_view name, std::span<const std::int32_t> values) {
    keys_.set_i32s(key(name), values);
  }

 private:
  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }

  GgufMetadata& keys_;
  std::string_view architecture_;
};

// `dims`: how many of a head turn.
void put_rope(const RopeConfig& rope, std::int64_t dims, Keys& out, GgufMetadata& keys) {
  out.integer("rope.dimension_count", dims);
  out.real("rope.freq_base", rope.theta);
  switch (rope.scaling) {
    case RopeScalingKind::kNone:
      break;
    case RopeScalingKind::kLongRope:
      out.string("rope.scaling.type", "longrope");
      out.integer("rope.scaling.original_context_length", rope.original_max_position);
      out.real("rope.scaling.attn_factor", rope.attention_factor != 0.0
                                               ? rope.attention_factor
                                               : longrope_attention_factor(rope));
      break;
    case RopeScalingKind::kLinear:
      out.string("rope.scaling.type", "linear");
      out.real("rope.scaling.factor", rope.factor);
      break;
    case RopeScalingKind::kLlama3:
      keys.set_u32(gguf_keys::kRopeOriginal,
                   static_cast<std::uint32_t>(rope.original_max_position));
      keys.set_f32(gguf_keys::kRopeLow, static_cast<float>(rope.low_freq_factor));
      keys.set_f32(gguf_keys::kRopeHigh, static_cast<float>(rope.high_freq_factor));
      break;
    case RopeScalingKind::kYarn:
      out.string("rope.scaling.type", "yarn");
      out.real("rope.scaling.factor", rope.factor);
      out.integer("rope.scaling.original_context_length", rope.original_max_position);
      out.real("rope.scaling.yarn_beta_fast", rope.beta_fast);
      out.real("rope.scaling.yarn_beta_slow", rope.beta_slow);
      if (rope.attention_factor != 0.0) {
        // Two keys with one meaning: ours and converters' is the whole factor; llama.cpp's
        // forward pass reads the other, a multiple of what follows from the length.
        const double usual = 0.1 * std::log(std::max(rope.factor, 1.0)) + 1.0;
        out.real("rope.scaling.yarn_attn_factor", rope.attention_factor);
        out.real("rope.scaling.attn_factor", rope.attention_factor / usual);
      }
      break;
  }
}

// Whether of every `period` layers the last one, and no other, sees everything; 0: none does.
bool has_period(const ModelConfig& config, std::int64_t period) {
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    const bool full = period > 0 && layer % period == period - 1;
    if (full != (config.layer(layer).attention.window == 0)) return false;
  }
  return true;
}

void put_window(const ModelConfig& config, const Family& family, Keys& out) {
  const std::int64_t window = windowed_layer(config).attention.window;
  if (window == 0) return;
  out.integer("attention.sliding_window", window);
  if (has_period(config, family.window_period)) return;
  if (family.window_period > 0) {
    // Readers of these families want the period.
    for (std::int64_t period = 0; period <= config.num_layers(); ++period) {
      if (!has_period(config, period)) continue;
      out.integer("attention.sliding_window_pattern", period);
      return;
    }
  }
  std::vector<std::int32_t> pattern;
  for (const LayerConfig& layer : config.layers) {
    pattern.push_back(layer.attention.window > 0 ? 1 : 0);
  }
  out.i32s("attention.sliding_window_pattern", pattern);
}

// The experts of a layer as readers would find them.
ExpertsConfig said_experts(const Family& family, const ExpertsConfig& e) {
  ExpertsConfig said;
  said.count = e.count;
  said.used = e.used;
  said.normalized = e.normalized;
  said.router_bias = family.experts.router_bias;
  said.selection_bias = family.experts.selection_bias;
  if (family.experts.has_shared()) said.shared_width = e.shared_width;
  said.shared_gated = family.experts.shared_gated && said.shared_width > 0;
  return said;
}

void put_experts(const ModelConfig& config, const Family& family, Keys& out) {
  const LayerConfig& layer = sparse_layer(config);
  const ExpertsConfig& experts = layer.experts;
  out.integer("expert_count", experts.count);
  out.integer("expert_used_count", experts.used);
  if (experts.normalized != family.experts.gguf_normalized) {
    out.boolean("expert_weights_norm", experts.normalized);
  }
  if (family.experts.width_key != "intermediate_size" || family.sinks) {
    out.integer("expert_feed_forward_length", layer.mlp.width);
  }
  if (experts.shared_width > 0) {
    out.integer("expert_shared_feed_forward_length", experts.shared_width);
    if (experts.shared_width % layer.mlp.width == 0) {
      out.integer("expert_shared_count", experts.shared_width / layer.mlp.width);
    }
  }
  if (family.experts.layers != ExpertLayers::kInterval) return;
  const auto [first, step] = interval_of_experts(config);
  out.integer("leading_dense_block_count", first);
  out.integer("interleave_moe_layer_step", step);
}

}  // namespace

bool gguf_can_say(const ModelConfig& config) {
  const Family& family = *family_by_type(config.family);
  const LayerConfig& typical = typical_layer(config);
  const LayerConfig& windowed = windowed_layer(config);
  const AttentionConfig& a = typical.attention;
  LayerConfig layer;
  layer.attention = {.heads = a.heads,
                     .kv_heads = a.kv_heads,
                     .head_dim = a.head_dim,
                     .rope = a.rope,
                     .rotary_dims = family.partial_rotary ? a.rotary_dims : a.head_dim,
                     .scale = family.multipliers == Multipliers::kGranite ? a.scale : 0.0,
                     .soft_cap = family.soft_caps ? a.soft_cap : 0.0,
                     .temperature = family.query_temperature ? a.temperature : 0.0,
                     .qkv_bias = a.qkv_bias,
                     .output_bias = a.output_bias};
  if (layer.attention.temperature != 0.0) {
    layer.attention.temperature_span = a.rope.original_max_position;
  }
  layer.mlp = {.width = dense_layer(config).mlp.width,
               .activation = family.activation,
               .bias = typical.mlp.bias};
  ModelConfig said = config;
  const bool scaled = family.multipliers != Multipliers::kNone;
  if (!scaled) said.embedding_scale = said.residual_scale = said.logit_scale = 1.0;
  if (!family.soft_caps) said.logit_soft_cap = 0.0;
  const auto [first, step] = interval_of_experts(config);
  const LayerConfig& sparse = sparse_layer(config);
  for (std::int64_t i = 0; i < config.num_layers(); ++i) {
    LayerConfig& to = said.layers[static_cast<std::size_t>(i)];
    const bool has_window = to.attention.window > 0;
    to = layer;
    const bool by_interval = family.experts.layers == ExpertLayers::kInterval;
    if (family.experts && (!by_interval || (i >= first && (i + 1) % step == 0))) {
      to.mlp.width = sparse.mlp.width;
      to.experts = said_experts(family, sparse.experts);
    }
    if (!has_window) continue;
    to.attention.window = windowed.attention.window;
    to.attention.rope = local_rope(family, a.rope, windowed.attention.rope.theta);
  }
  if (family.only_local_turns && windowed.attention.window > 0) stop_turning(said);
  apply_family(family, said);
  apply_gguf_rules(family, said);
  return config_text(said) == config_text(config);
}

void put_config(const ModelConfig& config, GgufMetadata& keys) {
  const Family* family = family_by_type(config.family);
  if (family == nullptr) fail(ErrorCode::kBug, "unknown family {}", config.family);
  const LayerConfig& layer = typical_layer(config);
  const LayerConfig& windowed = windowed_layer(config);
  const AttentionConfig& a = layer.attention;
  Keys out(keys, family->gguf);
  out.integer("block_count", config.num_layers());
  out.integer("context_length", config.max_position);
  out.integer("embedding_length", config.hidden_size);
  out.integer("feed_forward_length", dense_layer(config).mlp.width);
  out.integer("attention.head_count", a.heads);
  out.integer("attention.head_count_kv", a.kv_heads);
  out.integer("attention.key_length", a.head_dim);
  out.integer("attention.value_length", a.head_dim);
  out.real("attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  out.integer("vocab_size", config.vocab_size);
  put_rope(a.rope, family->partial_rotary ? a.rotary_dims : a.head_dim, out, keys);
  if (a.temperature != 0.0) out.real(gguf_keys::kTemperature, a.temperature);
  if (family->local_theta != 0.0) out.real("rope.freq_base_swa", windowed.attention.rope.theta);
  if (a.soft_cap != 0.0) out.real(gguf_keys::kAttentionCap, a.soft_cap);
  if (config.logit_soft_cap != 0.0) out.real(gguf_keys::kLogitCap, config.logit_soft_cap);
  if (family->multipliers != Multipliers::kNone) {
    if (a.scale != 0.0) out.real(gguf_keys::kAttentionScale, a.scale);
    out.real(gguf_keys::kEmbeddingScale, config.embedding_scale);
    out.real(gguf_keys::kResidualScale, config.residual_scale);
    out.real(gguf_keys::kLogitDivisor, 1.0 / config.logit_scale);
  }
  if (family->experts) put_experts(config, *family, out);
  put_window(config, *family, out);
  // Where the architecture alone would read back as another family.
  const GgufTraits traits = {.windowed = windowed.attention.window > 0,
                             .experts = bool(family->experts),
                             .shared = config.layer(0).experts.shared_width > 0};
  if (family_by_gguf(family->gguf, traits) != family) {
    keys.set_string(gguf_keys::kModelType, family->type);
  }
}

void put_vocabulary(const GgufVocabulary& vocabulary, GgufMetadata& keys) {
  const GgufVocabulary& v = vocabulary;
  keys.set_string(gguf_keys::kTokenizerModel, v.model);
  if (!v.pre.empty()) keys.set_string(gguf_keys::kTokenizerPre, v.pre);
  keys.set_strings(gguf_keys::kTokens, v.tokens);
  if (!v.scores.empty()) keys.set_f32s(gguf_keys::kScores, v.scores);
  if (!v.types.empty()) keys.set_i32s(gguf_keys::kTokenTypes, v.types);
  if (!v.merges.empty()) keys.set_strings(gguf_keys::kMerges, v.merges);
  if (v.unknown >= 0) {
    keys.set_u32(gguf_keys::kUnknown, static_cast<std::uint32_t>(v.unknown));
  }
  if (v.add_bos) keys.set_bool(gguf_keys::kAddBos, *v.add_bos);
  if (v.add_eos) keys.set_bool(gguf_keys::kAddEos, *v.add_eos);
  if (v.add_space_prefix) keys.set_bool(gguf_keys::kAddSpacePrefix, *v.add_space_prefix);
  if (!v.space_prefix.empty()) keys.set_string(gguf_keys::kSpacePrefix, v.space_prefix);
  if (v.no_default_ids) keys.set_bool(gguf_keys::kNoDefaultIds, true);
  if (!v.chat_template.empty()) keys.set_string(gguf_keys::kChatTemplate, v.chat_template);
  if (v.named_chat_templates.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, text] : v.named_chat_templates) {
    names.push_back(name);
    keys.set_string(fmt::format("{}.{}", gguf_keys::kChatTemplate, name), text);
  }
  keys.set_strings(gguf_keys::kChatTemplateNames, names);
}

void put_token_ids(const ModelConfig& config, const GgufVocabulary* vocabulary,
                   GgufMetadata& keys) {
  const GgufVocabulary none;
  const GgufVocabulary& v = vocabulary != nullptr ? *vocabulary : none;
  const auto& ends = config.eos_tokens;
  const auto is_end = [&](std::int64_t id) {
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  };
  // The tokenizer's own end token where generation ends there too, else the first that does.
  const std::int64_t eos = ends.empty() || is_end(v.eos) ? v.eos : ends.front();
  std::int64_t eot = is_end(v.eot) && v.eot != eos ? v.eot : -1;
  for (const std::int64_t id : ends) {
    if (eot < 0 && id != eos) eot = id;
  }
  const auto put = [&](const char* key, std::int64_t id) {
    if (id >= 0) keys.set_u32(key, static_cast<std::uint32_t>(id));
  };
  put(gguf_keys::kBos, config.bos_token >= 0 ? config.bos_token : v.bos);
  put(gguf_keys::kEos, eos);
  put(gguf_keys::kEot, eot);
  put(gguf_keys::kPadding, config.pad_token >= 0 ? config.pad_token : v.pad);

  // What reading these would give in another order, or not at all.
  std::vector<std::int64_t> read_back;
  if (eos >= 0) read_back.push_back(eos);
  if (eot >= 0) read_back.push_back(eot);
  if (read_back != ends) {
    keys.set_i32s(gguf_keys::kEosTokens, std::vector<std::int32_t>(ends.begin(), ends.end()));
  }
}

}  // namespace lathe
