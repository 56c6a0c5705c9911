#include "convert/config_to_gguf.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/checked.h"
#include "base/fail.h"
#include "checkpoint/common_layer.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_keys.h"

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
  void string(std::string_view name, std::string_view value) { keys_.set_string(key(name), value); }
  void i32s(std::string_view name, std::span<const std::int32_t> values) {
    keys_.set_i32s(key(name), values);
  }

 private:
  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }

  GgufMetadata& keys_;
  std::string_view architecture_;
};

void put_rope(const AttentionConfig& attention, Keys& out, GgufMetadata& keys) {
  const RopeConfig& rope = attention.rope;
  out.integer("rope.dimension_count", attention.head_dim);
  out.real("rope.freq_base", rope.theta);
  switch (rope.scaling) {
    case RopeScalingKind::kNone:
      // Llama 3's factors alone multiply nothing else.
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

void put_window(const ModelConfig& config, std::int64_t window, Keys& out) {
  if (window == 0) return;
  out.integer("attention.sliding_window", window);
  if (!windows_are_mixed(config)) return;
  std::vector<std::int32_t> pattern;
  for (const LayerConfig& layer : config.layers) {
    pattern.push_back(layer.attention.window > 0 ? 1 : 0);
  }
  out.i32s("attention.sliding_window_pattern", pattern);
}

}  // namespace

bool gguf_can_say(const ModelConfig& config) {
  const LayerConfig layer = common_layer(config, "a GGUF file");
  const AttentionConfig& a = layer.attention;
  LayerConfig said;
  said.attention = {.heads = a.heads,
                    .kv_heads = a.kv_heads,
                    .head_dim = a.head_dim,
                    .window = a.window,
                    .rope = a.rope,
                    .rotary_dims = a.head_dim,
                    .qk_norm = family_by_type(config.family)->qk_norm,
                    .qkv_bias = a.qkv_bias,
                    .output_bias = a.output_bias};
  said.mlp = {.width = layer.mlp.width, .bias = layer.mlp.bias};
  return layer == said && config.embedding_scale == 1.0 && config.residual_scale == 1.0 &&
         config.logit_scale == 1.0;
}

void put_config(const ModelConfig& config, GgufMetadata& keys) {
  const Family* family = family_by_type(config.family);
  if (family == nullptr) fail(ErrorCode::kBug, "unknown family {}", config.family);
  const LayerConfig layer = common_layer(config, "a GGUF file");
  const AttentionConfig& a = layer.attention;
  Keys out(keys, family->gguf);
  out.integer("block_count", config.num_layers());
  out.integer("context_length", config.max_position);
  out.integer("embedding_length", config.hidden_size);
  out.integer("feed_forward_length", layer.mlp.width);
  out.integer("attention.head_count", a.heads);
  out.integer("attention.head_count_kv", a.kv_heads);
  out.integer("attention.key_length", a.head_dim);
  out.integer("attention.value_length", a.head_dim);
  out.real("attention.layer_norm_rms_epsilon", config.rms_norm_eps);
  out.integer("vocab_size", config.vocab_size);
  put_rope(a, out, keys);
  put_window(config, a.window, out);
  // Where the architecture alone would read back as another family.
  if (family_by_gguf(family->gguf, a.window > 0) != family)
    keys.set_string(gguf_keys::kModelType, family->type);
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
  if (!v.chat_template.empty()) keys.set_string(gguf_keys::kChatTemplate, v.chat_template);
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
