// ModelConfig as config.json and generation_config.json.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/common_layer.h"
#include "checkpoint/config_json.h"
#include "checkpoint/config_text.h"
#include "checkpoint/experts_json.h"
#include "checkpoint/family.h"
#include "checkpoint/layer_json.h"
#include "checkpoint/options_json.h"
#include "checkpoint/rope_json.h"
#include "checkpoint/window_json.h"

namespace lathe {
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

std::string config_to_json(const ModelConfig& config, DType dtype, ConfigUse use, bool quantized) {
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
  json["intermediate_size"] = dense_layer(config).mlp.width;
  json["num_hidden_layers"] = config.num_layers();
  json["num_attention_heads"] = a.heads;
  json["num_key_value_heads"] = a.kv_heads;
  json["head_dim"] = a.head_dim;
  json[family->activation_key] = activation_name(layer.mlp.activation);
  json["max_position_embeddings"] = config.max_position;
  json["rms_norm_eps"] = config.rms_norm_eps;
  ropes_to_json({a.rope, windowed.attention.rope}, *family, json);
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  if (family->partial_rotary) {
    json["partial_rotary_factor"] =
        static_cast<double>(a.rotary_dims) / static_cast<double>(a.head_dim);
  }
  options_to_json(config, *family, json);
  if (family->experts) experts_to_json(config, *family, json);
  layer_to_json(layer, *family, use, json);
  window_to_json(config, windowed.attention.window, *family, json);
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
  if (quantized) {
    json["quantization_config"] = {{"modules_to_not_convert", family->hf_unquantized},
                                   {"quant_method", "mxfp4"}};
  }
  std::string text = json.dump(2) + "\n";
  check_reads_back(text, config);
  return text;
}

std::string generation_config_to_json(const ModelConfig& config, std::string_view previous) {
  nlohmann::json json = nlohmann::json::object();
  if (!previous.empty()) json = parse_json(previous, "generation_config.json");
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
