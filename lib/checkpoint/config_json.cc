#include "checkpoint/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/common_layer.h"
#include "checkpoint/config_text.h"
#include "checkpoint/family.h"
#include "checkpoint/options_json.h"
#include "checkpoint/rope_json.h"
#include "checkpoint/unread_keys.h"
#include "checkpoint/wrapper.h"

namespace lathe {
namespace {

using Json = nlohmann::json;

constexpr JsonLimits kLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};

const Family& family_of(const JsonView& fields) {
  const auto type = fields.get_string("model_type");
  std::string architecture;
  if (const auto list = fields.find("architectures"); list && list->size() > 0) {
    architecture = list->at(std::size_t{0}).as_string();
  }
  const Family* family = type ? family_by_type(*type) : family_by_architecture(architecture);
  if (family == nullptr) {
    if (!type && architecture.empty()) {
      fail_invalid("{}: names neither model_type nor architectures", quoted(fields.file()));
    }
    fail_unsupported("{}: architecture {} is not supported (supported: {})", quoted(fields.file()),
                     quoted(type ? *type : architecture), supported_types());
  }
  // A classifier or an encoder of a known family has other tensors.
  if (!architecture.empty() && architecture != family->architecture) {
    fail_unsupported("{}: {} is not supported; of model type {} only {} is", quoted(fields.file()),
                     quoted(architecture), family->type, family->architecture);
  }
  return *family;
}

Activation activation_of(const JsonView& fields, const Family& family) {
  // Where there are two keys, only the family's counts.
  fields.note({"hidden_act"});
  const auto written = fields.get_string(family.activation_key);
  if (!written) return family.activation;
  const std::string& name = *written;
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  fail_unsupported("{}: activation {} is not supported", quoted(fields.file()), quoted(name));
}

// Absent: the family's default; null: none.
std::int64_t token_id(const JsonView& fields, std::string_view key, std::int64_t by_default) {
  if (!fields.json().contains(std::string(key))) return by_default;
  // Old configurations write -1 for "none".
  return fields.get_int(key, -1).value_or(-1);
}

// A number, or a list of numbers; nothing when the key is absent or null.
std::vector<std::int64_t> token_ids(const JsonView& fields, std::string_view key) {
  const auto value = fields.find(key);
  if (!value) return {};
  if (!value->is_array()) {
    const std::int64_t id = value->as_int(-1);
    return id == -1 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  }
  std::vector<std::int64_t> ids;
  for (const JsonView& element : value->items()) {
    const std::int64_t id = element.as_int(0);
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

// Of every `period` layers the last one sees everything.
void put_period(std::int64_t window, std::int64_t period, ModelConfig& config) {
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    if (period > 0 && layer % period == period - 1) continue;
    config.layers[static_cast<std::size_t>(layer)].attention.window = window;
  }
}

// "layer_types", which newer files spell out; false when the key is absent.
bool read_layer_types(const JsonView& fields, std::int64_t window, ModelConfig& config) {
  const auto types = fields.find("layer_types");
  if (!types) return false;
  std::size_t layer = 0;
  for (const JsonView& element : types->items()) {
    const std::string& type = element.as_string();
    if (type != "sliding_attention" && type != "full_attention") {
      fail_unsupported("{}: layer type {} is not supported", quoted(fields.file()), quoted(type));
    }
    if (layer < config.layers.size() && type == "sliding_attention") {
      config.layers[layer].attention.window = window;
    }
    ++layer;
  }
  if (layer != config.layers.size()) types->fail_here("does not have one entry per layer");
  return true;
}

void read_window(const JsonView& fields, const Family& family, ModelConfig& config) {
  if (family.window == WindowRule::kNone) return;
  const bool written = fields.json().contains("sliding_window");
  std::int64_t window =
      written ? fields.get_int("sliding_window", 0).value_or(0) : family.window_size;
  if (family.window == WindowRule::kPattern) {
    const auto period = fields.get_int("sliding_window_pattern", 0);
    if (read_layer_types(fields, window, config)) return;
    put_period(window, period.value_or(family.window_period), config);
    return;
  }
  std::int64_t first = 0;
  if (family.window == WindowRule::kOptional) {
    if (!fields.get_bool("use_sliding_window").value_or(false)) window = 0;
    // Newer files spell out what follows from the switch.
    fields.note({"max_window_layers"});
    if (window == 0) fields.note({"layer_types", "sliding_window"});
    if (window == 0 || read_layer_types(fields, window, config)) return;
    first = fields.get_int("max_window_layers").value_or(28);
  }
  for (std::int64_t layer = std::max<std::int64_t>(first, 0); layer < config.num_layers();
       ++layer) {
    config.layers[static_cast<std::size_t>(layer)].attention.window = window;
  }
}

// The path of a file in the folder of `file`; its name alone where that is one file that holds all.
std::string beside(const std::string& file, std::string_view name) {
  const std::string_view own = "config.json";
  if (!std::string_view(file).ends_with(own)) return std::string(name);
  return file.substr(0, file.size() - own.size()).append(name);
}

void refuse_quantized(const JsonView& fields) {
  const auto quantization = fields.find("quantization_config");
  if (!quantization) return;
  fail_unsupported(
      "{}: the weights are quantized by {}, which is not read here; start from the "
      "unquantized checkpoint",
      quoted(fields.file()), quoted(quantization->get_string("quant_method").value_or("?")));
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
  const bool qkv_said = family.has_attention_bias_key ? a.output_bias : family.qkv_bias;
  const bool output_said = family.has_attention_bias_key && a.output_bias;
  if (a.qkv_bias != qkv_said) extensions["qkv_bias"] = a.qkv_bias;
  if (a.output_bias != output_said) extensions["attention_output_bias"] = a.output_bias;
  if (layer.mlp.bias && !family.has_mlp_bias_key) extensions["mlp_bias"] = true;
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

// ---- what holds for all layers

// `by_default` of 0: the key must be there.
std::int64_t require(const JsonView& fields, std::string_view key, std::int64_t by_default,
                     std::int64_t least = INT64_MIN) {
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
    const double share = partial_rotary_factor(fields);
    if (!(share >= 0.0 && share <= 1.0)) fields.fail_here("turns more of a head than there is");
    a.rotary_dims = static_cast<std::int64_t>(static_cast<double>(a.head_dim) * share);
  }
  a.qkv_bias = family.qkv_bias;
  if (family.has_attention_bias_key) {
    a.qkv_bias = a.output_bias = fields.get_bool("attention_bias").value_or(false);
  }
  if (family.has_mlp_bias_key) layer.mlp.bias = fields.get_bool("mlp_bias").value_or(false);
  read_extensions(fields, layer);
  return layer;
}

void layer_to_json(const LayerConfig& layer, const Family& family, ConfigUse use,
                   nlohmann::ordered_json& json) {
  if (family.has_attention_bias_key) json["attention_bias"] = layer.attention.output_bias;
  if (family.has_mlp_bias_key) json["mlp_bias"] = layer.mlp.bias;
  put_extensions(layer, family, use, json);
}

void put_window(const ModelConfig& config, std::int64_t window, const Family& family,
                nlohmann::ordered_json& json) {
  if (family.window == WindowRule::kNone) return;
  if (family.window == WindowRule::kOptional) json["use_sliding_window"] = window > 0;
  if (window == 0) {
    json["sliding_window"] = nullptr;
    return;
  }
  json["sliding_window"] = window;
  if (family.window == WindowRule::kAlways) return;
  auto types = nlohmann::ordered_json::array();
  std::int64_t full_prefix = 0;
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    const bool windowed = config.layer(layer).attention.window > 0;
    if (!windowed && full_prefix == layer) ++full_prefix;
    types.push_back(windowed ? "sliding_attention" : "full_attention");
  }
  if (family.window == WindowRule::kOptional) json["max_window_layers"] = full_prefix;
  json["layer_types"] = std::move(types);
}

}  // namespace

ModelConfig config_from_json(std::string_view config_text, std::string_view generation_text,
                             const std::string& file) {
  const Json json = unwrap_config(parse_json(config_text, file, kLimits), file);
  KeySet asked;
  const JsonView fields = JsonView(json, file).noting(asked);
  if (!fields.is_object()) fields.fail_here("is not an object");
  const Family& family = family_of(fields);
  refuse_quantized(fields);

  ModelConfig config;
  config.family = family.type;
  config.name = fields.get_string("_name_or_path").value_or("");
  config.vocab_size = require(fields, "vocab_size", family.vocab_size);
  config.hidden_size = fields.at("hidden_size").as_int();
  config.max_position = fields.get_int("max_position_embeddings").value_or(family.max_position);
  config.rms_norm_eps = fields.get_double("rms_norm_eps").value_or(family.eps);
  config.tie_word_embeddings = fields.get_bool("tie_word_embeddings").value_or(family.tied);
  const std::int64_t layers = fields.at("num_hidden_layers").as_int(1, 4096);
  config.layers.assign(static_cast<std::size_t>(layers), layer_from_json(fields, family, config));
  read_window(fields, family, config);
  const LayerRopes ropes = ropes_from_json(fields, family, config.max_position);
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    std::vector<float> factors = std::move(a.rope.frequency_factors);
    a.rope = a.window > 0 ? ropes.local : ropes.full;
    if (!factors.empty()) a.rope.frequency_factors = std::move(factors);
  }
  read_options(fields, family, config);
  apply_family(family, config);

  config.bos_token = token_id(fields, "bos_token_id", family.bos);
  config.pad_token = token_id(fields, "pad_token_id", family.pad);
  config.eos_tokens = token_ids(fields, "eos_token_id");
  if (!json.contains("eos_token_id") && family.eos >= 0) config.eos_tokens = {family.eos};
  if (!generation_text.empty()) {
    const std::string generation_file = beside(file, "generation_config.json");
    const Json generation = parse_json(generation_text, generation_file, kLimits);
    const auto ids = token_ids(JsonView(generation, generation_file), "eos_token_id");
    if (!ids.empty()) config.eos_tokens = ids;
  }
  refuse_unread_keys(fields, asked);
  validate(config, file);
  return config;
}

namespace {

// What the form has no words for must not get lost in silence.
void check_reads_back(const std::string& text, const ModelConfig& config) {
  if (config_text(config_from_json(text, "", "config.json")) == config_text(config)) return;
  fail_unsupported(
      "the config.json of family {} cannot say all of this model's configuration, or in what its "
      "layers differ",
      config.family);
}

}  // namespace

std::string config_to_json(const ModelConfig& config, DType dtype, ConfigUse use) {
  const Family* family = family_by_type(config.family);
  if (family == nullptr) {
    fail_unsupported("model family {} has no config.json form here", quoted(config.family));
  }
  const LayerConfig& layer = typical_layer(config);
  const LayerConfig& windowed = windowed_layer(config);
  const AttentionConfig& a = layer.attention;
  nlohmann::ordered_json json;
  json["architectures"] = {std::string(family->architecture)};
  json["model_type"] = family->type;
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = layer.mlp.width;
  json["num_hidden_layers"] = config.num_layers();
  json["num_attention_heads"] = a.heads;
  json["num_key_value_heads"] = a.kv_heads;
  json["head_dim"] = a.head_dim;
  json[family->activation_key] =
      layer.mlp.activation == Activation::kSilu ? "silu" : "gelu_pytorch_tanh";
  json["max_position_embeddings"] = config.max_position;
  json["rms_norm_eps"] = config.rms_norm_eps;
  ropes_to_json({a.rope, windowed.attention.rope}, *family, json);
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  if (family->partial_rotary) {
    json["partial_rotary_factor"] =
        static_cast<double>(a.rotary_dims) / static_cast<double>(a.head_dim);
  }
  options_to_json(config, *family, json);
  layer_to_json(layer, *family, use, json);
  put_window(config, windowed.attention.window, *family, json);
  const auto put_token = [&](const char* key, std::int64_t id) {
    if (id >= 0) {
      json[key] = id;
    } else {
      json[key] = nullptr;
    }
  };
  put_token("bos_token_id", config.bos_token);
  if (config.eos_tokens.size() > 1) {
    json["eos_token_id"] = config.eos_tokens;
  } else {
    put_token("eos_token_id", config.eos_tokens.empty() ? -1 : config.eos_tokens.front());
  }
  put_token("pad_token_id", config.pad_token);
  json["torch_dtype"] = dtype == DType::kBF16  ? "bfloat16"
                        : dtype == DType::kF16 ? "float16"
                                               : "float32";
  std::string text = json.dump(2) + "\n";
  check_reads_back(text, config);
  return text;
}

std::string generation_config_to_json(const ModelConfig& config, std::string_view previous) {
  Json json = Json::object();
  if (!previous.empty()) json = parse_json(previous, "generation_config.json", kLimits);
  const auto put = [&](const char* key, std::int64_t id) {
    if (id >= 0) {
      json[key] = id;
    } else {
      json.erase(key);
    }
  };
  put("bos_token_id", config.bos_token);
  put("pad_token_id", config.pad_token);
  if (config.eos_tokens.size() > 1) {
    json["eos_token_id"] = config.eos_tokens;
  } else {
    put("eos_token_id", config.eos_tokens.empty() ? -1 : config.eos_tokens.front());
  }
  return json.dump(2) + "\n";
}

}  // namespace lathe
