#include "checkpoint/layer_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/rope_json.h"

namespace lathe {
namespace {

Activation activation_of(const JsonView& fields, const Family& family) {
  // Where there are two keys, only the family's counts.
  fields.note({"hidden_act"});
  if (family.activation == Activation::kClampedSwiglu) return family.activation;
  const auto written = fields.get_string(family.activation_key);
  if (!written) return family.activation;
  const std::string& name = *written;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  if (name == "relu2") return Activation::kRelu2;
  fail_unsupported("{}: activation {} is not supported", quoted(fields.file()), quoted(name));
}
// ---- what other formats can say and config.json cannot: the object "lathe" in native files

constexpr const char* kExtensions = "lathe";

void read_extensions(const JsonView& fields, LayerConfig& layer) {
  const auto inner = fields.find(kExtensions);
  if (!inner) return;
  AttentionConfig& a = layer.attention;
  a.qkv_bias = inner->get_bool("qkv_bias").value_or(a.qkv_bias);
  a.output_bias = inner->get_bool("attention_output_bias").value_or(a.output_bias);
  layer.mlp.bias = inner->get_bool("mlp_bias").value_or(layer.mlp.bias);
  if (const auto factors = inner->find("rope_frequency_factors")) {
    for (const JsonView& factor : factors->items()) {
      a.rope.frequency_factors.push_back(static_cast<float>(factor.as_double()));
    }
  }
}

void put_extensions(const LayerConfig& layer, const Family& family, ConfigUse use,
                    nlohmann::ordered_json& json) {
  nlohmann::ordered_json extensions;
  const AttentionConfig& a = layer.attention;
  // Of two kinds with one key this says the second.
  const bool one_key =
      !family.qkv_bias_key.empty() && family.qkv_bias_key == family.output_bias_key;
  const bool qkv_said = one_key                       ? a.output_bias
                        : family.qkv_bias_key.empty() ? family.qkv_bias
                                                      : a.qkv_bias;
  const bool output_said = !family.output_bias_key.empty() && a.output_bias;
  if (a.qkv_bias != qkv_said) extensions["qkv_bias"] = a.qkv_bias;
  if (a.output_bias != output_said) extensions["attention_output_bias"] = a.output_bias;
  const bool mlp_said = family.mlp_bias_key.empty()                     ? family.mlp_bias
                        : family.mlp_bias_key == family.output_bias_key ? a.output_bias
                                                                        : layer.mlp.bias;
  if (layer.mlp.bias != mlp_said) extensions["mlp_bias"] = layer.mlp.bias;
  if (!a.rope.frequency_factors.empty() && a.rope.scaling != RopeScalingKind::kLongRope) {
    extensions["rope_frequency_factors"] = a.rope.frequency_factors;
  }
  if (extensions.empty()) return;
  if (use == ConfigUse::kHuggingFace) {
    std::string names;
    for (const auto& item : extensions.items()) {
      if (!names.empty()) names += ", ";
      names += item.key();
    }
    fail_unsupported(
        "a Hugging Face folder of family {} cannot express this model's {}; write "
        "GGUF or .lathe instead",
        family.type, names);
  }
  json[kExtensions] = std::move(extensions);
}
}  // namespace

// `by_default` of 0: the key must be there.
std::int64_t require(const JsonView& fields, std::string_view key, std::int64_t by_default,
                     std::int64_t least) {
  const bool absent = !fields.json().contains(std::string(key));
  if (absent && by_default != 0) return by_default;
  return fields.at(key).as_int(least);
}

LayerConfig layer_from_json(const JsonView& fields, const Family& family,
                            const ModelConfig& config) {
  LayerConfig layer;
  AttentionConfig& a = layer.attention;
  const auto& json = fields.json();
  layer.mlp.width = fields.at("intermediate_size").as_int();
  a.heads = require(fields, "num_attention_heads", family.heads, 1);
  std::int64_t kv_heads = a.heads;
  if (!json.contains("num_key_value_heads") && family.kv_heads != 0) kv_heads = family.kv_heads;
  a.kv_heads = fields.get_int("num_key_value_heads").value_or(kv_heads);
  std::int64_t head_dim = config.hidden_size / a.heads;
  if (!json.contains("head_dim") && family.head_dim != 0) head_dim = family.head_dim;
  a.head_dim = fields.get_int("head_dim").value_or(head_dim);
  layer.mlp.activation = activation_of(fields, family);
  a.rotary_dims = a.head_dim;
  if (family.partial_rotary) {
    const double share = partial_rotary_factor(fields, family.rotary_share);
    if (!(share >= 0.0 && share <= 1.0)) fields.fail_here("turns more of a head than there is");
    a.rotary_dims = static_cast<std::int64_t>(static_cast<double>(a.head_dim) * share);
  }
  const auto bias = [&](std::string_view key, bool absent) {
    return key.empty() ? absent : fields.get_bool(key).value_or(absent);
  };
  a.qkv_bias = bias(family.qkv_bias_key, family.qkv_bias);
  const bool one_key =
      !family.qkv_bias_key.empty() && family.output_bias_key == family.qkv_bias_key;
  a.output_bias = bias(family.output_bias_key, one_key && family.qkv_bias);
  layer.mlp.bias = bias(family.mlp_bias_key, family.mlp_bias);
  read_extensions(fields, layer);
  return layer;
}

void layer_to_json(const LayerConfig& layer, const Family& family, ConfigUse use,
                   nlohmann::ordered_json& json) {
  const AttentionConfig& a = layer.attention;
  if (!family.qkv_bias_key.empty()) json[family.qkv_bias_key] = a.qkv_bias;
  if (!family.mlp_bias_key.empty()) json[family.mlp_bias_key] = layer.mlp.bias;
  if (!family.output_bias_key.empty()) json[family.output_bias_key] = a.output_bias;
  put_extensions(layer, family, use, json);
}

}  // namespace lathe
