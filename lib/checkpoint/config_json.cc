#include "checkpoint/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/experts_json.h"
#include "checkpoint/family.h"
#include "checkpoint/layer_json.h"
#include "checkpoint/options_json.h"
#include "checkpoint/rope_json.h"
#include "checkpoint/tokens_json.h"
#include "checkpoint/unread_keys.h"
#include "checkpoint/window_json.h"
#include "checkpoint/wrapper.h"
#include "foreign/foreign.h"

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
// The path of a file in the folder of `file`; its name alone where that is one file that holds all.
std::string beside(const std::string& file, std::string_view name) {
  const std::string_view own = "config.json";
  if (!std::string_view(file).ends_with(own)) return std::string(name);
  return file.substr(0, file.size() - own.size()).append(name);
}

// Keys that must say what the family does anyhow.
void check_fixed_keys(const JsonView& fields, const Family& family) {
  for (const FixedKey& fixed : family.fixed_keys) {
    const auto value = fields.find(fixed.key);
    if (!value || fixed.value.empty() || value->json() == parse_json(fixed.value, fields.file())) {
      continue;
    }
    fail_unsupported("{}: {} other than {} is not supported", quoted(fields.file()), fixed.key,
                     fixed.value);
  }
}

void refuse_quantized(const JsonView& fields, const Family& family) {
  const auto quantization = fields.find("quantization_config");
  if (!quantization) return;
  const std::string method = quantization->get_string("quant_method").value_or("?");
  if ((family.hf_mxfp4 && method == "mxfp4") || is_foreign_method(method)) return;
  fail_unsupported(
      "{}: the weights are quantized by {}, which is not read here ({} are); start from the "
      "unquantized checkpoint",
      quoted(fields.file()), quoted(method), foreign_method_list());
}
}  // namespace

ModelConfig config_from_json(std::string_view config_text, std::string_view generation_text,
                             const std::string& file) {
  const Json json = unwrap_config(parse_json(config_text, file, kLimits), file);
  KeySet asked;
  const JsonView fields = JsonView(json, file).noting(asked);
  if (!fields.is_object()) fields.fail_here("is not an object");
  const Family& family = family_of(fields);
  refuse_quantized(fields, family);
  check_fixed_keys(fields, family);

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
  const LayerRopes ropes = ropes_from_json(fields, family, config.max_position,
                                           config.layers.front().attention.head_dim);
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    std::vector<float> factors = std::move(a.rope.frequency_factors);
    a.rope = a.window > 0 ? ropes.local : ropes.full;
    if (!factors.empty()) a.rope.frequency_factors = std::move(factors);
  }
  read_options(fields, family, config);
  read_experts(fields, family, config);
  apply_family(family, config);

  read_tokens(fields, family, config);
  if (!generation_text.empty()) {
    const std::string generation_file = beside(file, "generation_config.json");
    const Json generation = parse_json(generation_text, generation_file, kLimits);
    const auto ids = token_ids(JsonView(generation, generation_file), "eos_token_id");
    for (const std::int64_t id : ids) {
      if (id < config.vocab_size) continue;
      fail_invalid("{}: eos_token_id is {}, not in 0 to {}", quoted(generation_file), id,
                   config.vocab_size - 1);
    }
    if (!ids.empty()) config.eos_tokens = ids;
  }
  refuse_unread_keys(fields, asked);
  validate(config, file);
  return config;
}
}  // namespace lathe
