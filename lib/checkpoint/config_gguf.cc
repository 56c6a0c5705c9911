#include "checkpoint/config_gguf.h"

#include <cmath>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/experts_gguf.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_fields.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/rope_gguf.h"
#include "checkpoint/tokens_gguf.h"
#include "checkpoint/unread_keys.h"
#include "checkpoint/window_gguf.h"

namespace lathe {
namespace {

std::int64_t head_dim_of(const GgufFields& keys, std::int64_t by_default) {
  const std::int64_t head_dim = keys.integer("attention.key_length").value_or(by_default);
  const std::string file = quoted(keys.gguf().path());
  if (const auto value = keys.integer("attention.value_length"); value && *value != head_dim) {
    fail_unsupported(
        "{}: heads of {} for keys and {} for values; different sizes are not supported", file,
        head_dim, *value);
  }
  return head_dim;
}

bool has_tensor(const GgufReader& gguf, const TensorId& id) {
  return gguf.find_tensor(gguf_tensor_name(id)).has_value();
}

// The file has floats: what they were made of, where that is a number of a few digits.
double recovered(double value, double divisor) {
  const double rounded = std::round(value * divisor * 1000.0) / 1000.0 / divisor;
  return static_cast<float>(rounded) == static_cast<float>(value) ? rounded : value;
}

void read_multipliers(const GgufFields& keys, const Family& family, ModelConfig& config) {
  if (family.multipliers == Multipliers::kNone) return;
  const auto number = [&](std::string_view key) {
    const auto value = keys.real(key);
    // Readers differ in what they take for granted.
    if (!value && family.multipliers == Multipliers::kMiniCpm) {
      fail_unsupported("{}: {} is missing; such old files are not supported",
                       quoted(keys.gguf().path()), keys.key(key));
    }
    return value.value_or(1.0);
  };
  config.embedding_scale = number(gguf_keys::kEmbeddingScale);
  config.residual_scale = number(gguf_keys::kResidualScale);
  config.logit_scale = 1.0 / number(gguf_keys::kLogitDivisor);
  if (family.multipliers == Multipliers::kMiniCpm) {
    const double root = std::sqrt(static_cast<double>(config.num_layers()));
    config.residual_scale = recovered(config.residual_scale, root);
    config.logit_scale =
        recovered(config.logit_scale, 1.0 / static_cast<double>(config.hidden_size));
  }
  // These readers take the key for a switch of all rotation.
  if (!keys.boolean("rope.scaling.finetuned").value_or(true)) {
    fail_unsupported("{}: {} is false, and so are positions: such are not supported",
                     quoted(keys.gguf().path()), keys.key("rope.scaling.finetuned"));
  }
}

// What holds for all layers.
LayerConfig read_layer(const GgufFields& keys, const Family& family, const ModelConfig& config) {
  const GgufReader& gguf = keys.gguf();
  LayerConfig layer;
  AttentionConfig& a = layer.attention;
  layer.mlp.width = keys.uniform("feed_forward_length").value_or(0);
  a.heads = keys.uniform("attention.head_count").value_or(0);
  if (a.heads < 1) {
    fail_invalid("{}: {} is missing or not positive", quoted(gguf.path()),
                 keys.key("attention.head_count"));
  }
  a.kv_heads = keys.uniform("attention.head_count_kv").value_or(a.heads);
  a.head_dim = head_dim_of(keys, config.hidden_size / a.heads);
  a.rotary_dims = rotary_dims_from_gguf(keys, family, a.head_dim);
  a.rope = rope_from_gguf(keys, config.max_position, a.rotary_dims);
  if (family.soft_caps) a.soft_cap = keys.real(gguf_keys::kAttentionCap).value_or(0.0);
  if (family.multipliers == Multipliers::kGranite)
    a.scale = keys.real(gguf_keys::kAttentionScale).value_or(0.0);
  if (family.query_temperature) {
    a.temperature = keys.real(gguf_keys::kTemperature).value_or(0.0);
    if (a.temperature != 0.0) a.temperature_span = a.rope.original_max_position;
  }
  layer.mlp.activation = family.activation;
  a.qkv_bias = has_tensor(gguf, {TensorRole::kQuery, 0, true});
  a.output_bias = has_tensor(gguf, {TensorRole::kAttentionOutput, 0, true});
  layer.mlp.bias = has_tensor(gguf, {TensorRole::kUp, 0, true}) ||
                   has_tensor(gguf, {TensorRole::kUp, 0, true, 0});
  a.sinks = family.sinks;
  return layer;
}

// Families that share an architecture's name: our own key says which, else what they have.
const Family& family_of(const GgufFields& keys, std::string_view architecture) {
  const GgufReader& gguf = keys.gguf();
  GgufTraits traits;
  traits.windowed = keys.integer("attention.sliding_window").value_or(0) > 0;
  traits.experts = keys.integer("expert_count").value_or(0) > 0;
  traits.shared = has_tensor(gguf, {TensorRole::kSharedUp, 0});
  const Family* family = family_by_gguf(architecture, traits);
  if (family == nullptr) {
    fail_unsupported("{}: architecture {} is not supported (supported: {})", quoted(gguf.path()),
                     quoted(architecture), supported_gguf());
  }
  const auto type = gguf.get_string(gguf_keys::kModelType);
  if (!type) return *family;
  const Family* named = family_by_type(*type);
  if (named == nullptr || named->gguf != architecture) {
    fail_invalid("{}: {} does not belong to architecture {}", quoted(gguf.path()),
                 gguf_keys::kModelType, quoted(architecture));
  }
  return *named;
}

}  // namespace

ModelConfig config_from_gguf(const GgufReader& gguf) {
  const std::string_view architecture = gguf.require_string("general.architecture");
  const GgufFields keys(gguf, architecture);
  const Family& family = family_of(keys, architecture);
  if (!gguf.get_bool(keys.key("attention.causal")).value_or(true)) {
    fail_unsupported("{}: attention to what follows (attention.causal is false) is not supported",
                     quoted(gguf.path()));
  }
  ModelConfig config;
  config.family = family.type;
  config.name = gguf.get_string("general.name").value_or("");
  constexpr std::int64_t kMost = std::int64_t{1} << 31;  // validate() has the real bounds
  const std::int64_t layers = keys.require("block_count", 1, 4096);
  config.hidden_size = keys.require("embedding_length", 1, kMost);
  config.max_position = keys.require("context_length", 1, kMost);
  const auto eps = keys.real("attention.layer_norm_rms_epsilon");
  config.layers.assign(static_cast<std::size_t>(layers), read_layer(keys, family, config));
  if (!eps) {
    fail_invalid("{}: {} is missing", quoted(gguf.path()),
                 keys.key("attention.layer_norm_rms_epsilon"));
  }
  config.rms_norm_eps = *eps;
  read_windows(keys, family, config);
  if (family.soft_caps) config.logit_soft_cap = keys.real(gguf_keys::kLogitCap).value_or(0.0);
  read_multipliers(keys, family, config);
  read_experts(keys, family, config);
  apply_family(family, config);
  apply_gguf_rules(family, config);

  const std::string embedding_name = gguf_tensor_name({TensorRole::kEmbedding});
  const auto embedding = gguf.find_tensor(embedding_name);
  if (!embedding) {
    fail_invalid("{}: the tensor {} is missing", quoted(gguf.path()), quoted(embedding_name));
  }
  const TensorEntry& entry = gguf.tensors()[*embedding];
  config.vocab_size = entry.shape.empty() ? 0 : entry.shape.front();
  config.tie_word_embeddings = !has_tensor(gguf, {TensorRole::kHead});
  read_token_ids(gguf, config);

  refuse_unread_keys(gguf, architecture, keys.asked());
  validate(config, gguf.path());
  return config;
}

ModelConfig token_config_from_gguf(const GgufReader& gguf, const GgufVocabulary* vocabulary) {
  ModelConfig config;
  config.family = gguf.get_string("general.architecture").value_or("");
  config.name = gguf.get_string("general.name").value_or("");
  if (vocabulary != nullptr) {
    config.vocab_size = static_cast<std::int64_t>(vocabulary->tokens.size());
  }
  read_token_ids(gguf, config);
  return config;
}

}  // namespace lathe
