#include "checkpoint/options_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/common_layer.h"

namespace lathe {
namespace {

constexpr std::string_view kAttentionCap = "attn_logit_softcapping";
constexpr std::string_view kLogitCap = "final_logit_softcapping";
constexpr std::string_view kTemperature = "llama_4_scaling_beta";

// What reads back: `x`, or a number beside it.
template <typename ReadsBack>
double that_reads_back(double x, ReadsBack&& reads_back) {
  for (const double digits : {1.0, 10.0, 100.0, 1000.0}) {
    const double rounded = std::round(x * digits) / digits;
    if (reads_back(rounded)) return rounded;
  }
  for (const double limit : {-HUGE_VAL, HUGE_VAL}) {
    double beside = x;
    for (int i = 0; i < 3; ++i, beside = std::nextafter(beside, limit)) {
      if (reads_back(beside)) return beside;
    }
  }
  return x;
}

// Absent: the family's default; null: none.
double soft_cap(const JsonView& fields, std::string_view key, double by_default) {
  if (!fields.json().contains(std::string(key))) return by_default;
  return fields.get_double(key).value_or(0.0);
}

// Attention's: the scale, from one key or another, and the cap.
void read_attention(const JsonView& fields, const Family& family, AttentionConfig& a) {
  if (family.query_scalar != 0) {
    const double scalar = fields.get_double("query_pre_attn_scalar")
                              .value_or(static_cast<double>(family.query_scalar));
    a.scale = scale_of_query_scalar(scalar, a.head_dim);
  }
  if (family.multipliers == Multipliers::kGranite) {
    a.scale = fields.get_double("attention_multiplier").value_or(1.0);
  }
  if (family.soft_caps) a.soft_cap = soft_cap(fields, kAttentionCap, family.attention_cap);
}

// Readers want an integer where it is one.
void put_query_scalar(const AttentionConfig& a, nlohmann::ordered_json& json) {
  const double scalar = query_scalar_of_scale(a.scale, a.head_dim);
  if (scalar == std::floor(scalar)) {
    json["query_pre_attn_scalar"] = static_cast<std::int64_t>(scalar);
  } else {
    json["query_pre_attn_scalar"] = scalar;
  }
}

// The number of layers whose root divides MiniCPM's scale of residuals.
double root_of_layers(const ModelConfig& config) {
  return std::sqrt(static_cast<double>(config.num_layers()));
}

void read_multipliers(const JsonView& fields, const Family& family, ModelConfig& config) {
  const auto number = [&](std::string_view key) { return fields.get_double(key).value_or(1.0); };
  switch (family.multipliers) {
    case Multipliers::kNone:
      break;
    case Multipliers::kGranite:
      config.embedding_scale = number("embedding_multiplier");
      config.residual_scale = number("residual_multiplier");
      config.logit_scale = 1.0 / number("logits_scaling");
      break;
    case Multipliers::kMiniCpm:
      config.embedding_scale = number("scale_emb");
      config.residual_scale = number("scale_depth") / root_of_layers(config);
      config.logit_scale = number("dim_model_base") / static_cast<double>(config.hidden_size);
      break;
  }
}

void put_multipliers(const ModelConfig& config, const Family& family,
                     nlohmann::ordered_json& json) {
  const AttentionConfig& a = typical_layer(config).attention;
  switch (family.multipliers) {
    case Multipliers::kNone:
      break;
    case Multipliers::kGranite:
      json["attention_multiplier"] =
          a.scale != 0.0 ? a.scale : 1.0 / std::sqrt(static_cast<double>(a.head_dim));
      json["embedding_multiplier"] = config.embedding_scale;
      json["residual_multiplier"] = config.residual_scale;
      json["logits_scaling"] = 1.0 / config.logit_scale;
      break;
    case Multipliers::kMiniCpm:
      json["scale_emb"] = config.embedding_scale;
      json["scale_depth"] = that_reads_back(
          config.residual_scale * root_of_layers(config),
          [&](double x) { return x / root_of_layers(config) == config.residual_scale; });
      json["dim_model_base"] = that_reads_back(
          config.logit_scale * static_cast<double>(config.hidden_size), [&](double x) {
            return x / static_cast<double>(config.hidden_size) == config.logit_scale;
          });
      break;
  }
}

// Queries that are warmed by position: the factor stands with the rotation.
void read_temperature(const JsonView& fields, const Family& family, AttentionConfig& a) {
  if (!family.query_temperature) return;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto rope = fields.find(key);
    if (!rope) continue;
    a.temperature = rope->get_double(kTemperature).value_or(0.0);
    if (a.temperature != 0.0) a.temperature_span = a.rope.original_max_position;
    return;
  }
  fields.fail_here("has no rope_parameters");
}

// Of all that turns in one object, with the factor.
void put_temperature(const AttentionConfig& a, nlohmann::ordered_json& json) {
  nlohmann::ordered_json& rope = json["rope_scaling"];
  if (a.temperature != 0.0) rope[kTemperature] = a.temperature;
  rope["rope_theta"] = a.rope.theta;
  if (!rope.contains("rope_type")) rope["rope_type"] = "default";
  json["rope_parameters"] = std::move(rope);
  json.erase("rope_scaling");
  json.erase("rope_theta");
}

// Layers that do not turn.
void read_no_rope(const JsonView& fields, const Family& family, ModelConfig& config) {
  if (family.no_rope_period == 0) return;
  const std::int64_t period =
      fields.get_int("no_rope_layer_interval", 1).value_or(family.no_rope_period);
  const auto list = fields.find("no_rope_layers");
  if (list && list->size() != config.layers.size()) {
    list->fail_here("does not have one entry per layer");
  }
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    // The list says 1 for those that turn.
    const bool turns =
        list ? list->at(i).as_int(0, 1) == 1 : (static_cast<std::int64_t>(i) + 1) % period != 0;
    if (!turns) config.layers[i].attention.rotary_dims = 0;
  }
  const bool windowed = windowed_layer(config).attention.window > 0;
  if (windowed && !fields.contains("layer_types")) {
    fail_unsupported("{}: a sliding window without layer_types is not supported for this family",
                     quoted(fields.file()));
  }
}

void put_no_rope(const ModelConfig& config, nlohmann::ordered_json& json) {
  auto turns = nlohmann::ordered_json::array();
  for (const LayerConfig& layer : config.layers) {
    turns.push_back(layer.attention.rotary_dims > 0 ? 1 : 0);
  }
  json["no_rope_layers"] = std::move(turns);
}

void put_cap(std::string_view key, double cap, nlohmann::ordered_json& json) {
  if (cap == 0.0) {
    json[key] = nullptr;
  } else {
    json[key] = cap;
  }
}

}  // namespace

void read_options(const JsonView& fields, const Family& family, ModelConfig& config) {
  for (LayerConfig& layer : config.layers) {
    read_attention(fields, family, layer.attention);
    read_temperature(fields, family, layer.attention);
  }
  if (family.soft_caps) config.logit_soft_cap = soft_cap(fields, kLogitCap, family.logit_cap);
  read_multipliers(fields, family, config);
  read_no_rope(fields, family, config);
}

void options_to_json(const ModelConfig& config, const Family& family,
                     nlohmann::ordered_json& json) {
  const AttentionConfig& a = typical_layer(config).attention;
  if (family.soft_caps) {
    put_cap(kAttentionCap, a.soft_cap, json);
    put_cap(kLogitCap, config.logit_soft_cap, json);
  }
  if (family.query_scalar != 0) put_query_scalar(a, json);
  put_multipliers(config, family, json);
  if (family.query_temperature) put_temperature(a, json);
  if (family.no_rope_period != 0) put_no_rope(config, json);
}

}  // namespace lathe
