#include "checkpoint/rope_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/unread_keys.h"

namespace lathe {
namespace {

constexpr std::string_view kOriginal = "original_max_position_embeddings";
constexpr std::string_view kMaxPosition = "max_position_embeddings";

// What a rotation's numbers follow from, besides its own.
struct RopeShape {
  const Family* family;
  std::int64_t max_position;
  std::int64_t head_dim;
};

// YaRN's scale of attention for a factor and a multiplier of the logarithm.
double yarn_mscale(double factor, double multiplier) {
  return factor <= 1.0 ? 1.0 : 0.1 * multiplier * std::log(factor) + 1.0;
}

void read_yarn(const JsonView& fields, std::int64_t max_position, RopeConfig& rope) {
  rope.beta_fast = fields.get_double("beta_fast").value_or(32.0);
  rope.beta_slow = fields.get_double("beta_slow").value_or(1.0);
  // Zero means "not given" to the programs that write these files.
  if (rope.beta_fast == 0.0) rope.beta_fast = 32.0;
  if (rope.beta_slow == 0.0) rope.beta_slow = 1.0;
  rope.truncate = fields.get_bool("truncate").value_or(true);
  if (!fields.contains("factor")) {
    rope.factor =
        static_cast<double>(max_position) / static_cast<double>(rope.original_max_position);
  }
  const double mscale = fields.get_double("mscale").value_or(0.0);
  const double mscale_all = fields.get_double("mscale_all_dim").value_or(0.0);
  if (const auto given = fields.find("attention_factor")) {
    rope.attention_factor = given->as_double();
    if (rope.attention_factor <= 0.0) given->fail_here("is not positive");
  } else if (mscale != 0.0 && mscale_all != 0.0) {
    rope.attention_factor = yarn_mscale(rope.factor, mscale) / yarn_mscale(rope.factor, mscale_all);
  }
}

std::vector<float> read_factors(const JsonView& fields, std::string_view key) {
  std::vector<float> factors;
  for (const JsonView& factor : fields.at(key).items()) {
    factors.push_back(static_cast<float>(factor.as_double()));
  }
  return factors;
}

// The factor follows from the lengths.
void read_longrope(const JsonView& fields, std::int64_t max_position, RopeConfig& rope) {
  rope.scaling = RopeScalingKind::kLongRope;
  rope.frequency_factors = read_factors(fields, "short_factor");
  rope.long_factors = read_factors(fields, "long_factor");
  rope.factor = static_cast<double>(max_position) / static_cast<double>(rope.original_max_position);
  rope.attention_factor = fields.get_double("attention_factor").value_or(0.0);
  fields.note({"factor"});
}

// A stretched theta under the name of another scaling, whose parameters change nothing here.
bool read_alpha(const JsonView& fields, const RopeShape& shape, RopeConfig& rope) {
  const double alpha = fields.get_double("alpha").value_or(0.0);
  if (alpha == 0.0) return false;
  if (alpha < 0.0 || shape.head_dim <= 2) fields.fail_here("stretches theta by no such alpha");
  rope.theta = stretched_theta(rope.theta, alpha, shape.head_dim);
  fields.note({"beta_fast", "beta_slow", "factor", "mscale", "mscale_all_dim"});
  return true;
}

// The scaling's own fields.
void read_scaling(const JsonView& outer, const JsonView& fields, const RopeShape& shape,
                  RopeConfig& rope) {
  const std::int64_t max_position = shape.max_position;
  const auto new_name = fields.get_string("rope_type");
  const std::string type = new_name ? *new_name : fields.get_string("type").value_or("default");
  if (type == "default") return;
  if (shape.family->rope_alpha && type == "dynamic" && read_alpha(fields, shape, rope)) return;
  // "su" is its first name.
  const bool longrope = type == "longrope" || type == "su";
  if (!longrope && type != "linear" && type != "llama3" && type != "yarn") {
    fail_unsupported(
        "{}: rope scaling {} is not supported (supported: linear, llama3, yarn, longrope)",
        quoted(fields.file()), quoted(type));
  }
  // Some can do without: their factor follows from the lengths.
  rope.factor = type == "yarn" || longrope ? fields.get_double("factor").value_or(1.0)
                                           : fields.at("factor").as_double();
  // Beside the scaling, where some families keep it, it counts first.
  const auto original = outer.get_int(kOriginal, 1);
  rope.original_max_position =
      original ? *original : fields.get_int(kOriginal, 1).value_or(max_position);
  if (longrope) {
    read_longrope(fields, max_position, rope);
  } else if (type == "linear") {
    rope.scaling = RopeScalingKind::kLinear;
    rope.original_max_position = 0;
  } else if (type == "llama3") {
    rope.scaling = RopeScalingKind::kLlama3;
    rope.low_freq_factor = fields.get_double("low_freq_factor").value_or(1.0);
    rope.high_freq_factor = fields.get_double("high_freq_factor").value_or(4.0);
  } else {
    rope.scaling = RopeScalingKind::kYarn;
    read_yarn(fields, max_position, rope);
  }
}

// One rotation's object.
RopeConfig read_rope(const JsonView& config, const JsonView& object, double theta,
                     const RopeShape& shape) {
  RopeConfig rope;
  KeySet asked;
  const JsonView fields = object.noting(asked);
  rope.theta = fields.get_double("rope_theta").value_or(theta);
  fields.note({"rope_type", "type", "partial_rotary_factor", kOriginal});
  if (shape.family->query_temperature) fields.note({"llama_4_scaling_beta", kMaxPosition});
  read_scaling(config, fields, shape, rope);
  refuse_unread_rope_keys(fields, asked);
  return rope;
}

bool is_by_layer(const JsonView& object) {
  return object.contains("full_attention") || object.contains("sliding_attention");
}

}  // namespace

double partial_rotary_factor(const JsonView& config, double absent) {
  constexpr std::string_view kKey = "partial_rotary_factor";
  double factor = config.get_double(kKey).value_or(absent);
  for (const char* object : {"rope_scaling", "rope_parameters"}) {
    const auto fields = config.find(object);
    if (!fields || !fields->is_object()) continue;
    factor = fields->get_double(kKey).value_or(factor);
    for (const char* kind : {"full_attention", "sliding_attention"}) {
      const auto one = fields->find(kind);
      if (one && one->is_object()) factor = one->get_double(kKey).value_or(factor);
    }
  }
  return factor;
}

LayerRopes ropes_from_json(const JsonView& config, const Family& family, std::int64_t max_position,
                           std::int64_t head_dim) {
  const RopeShape shape = {&family, max_position, head_dim};
  if (!family.partial_rotary && partial_rotary_factor(config, 1.0) != 1.0) {
    fail_unsupported(
        "{}: rotary positions over a part of each head (partial_rotary_factor) are "
        "not supported",
        quoted(config.file()));
  }
  double theta = config.get_double("rope_theta").value_or(family.theta);
  double local_theta = 0.0;
  if (family.local_theta != 0.0) {
    local_theta = config.get_double("rope_local_base_freq").value_or(family.local_theta);
  }
  if (family.local_unscaled) local_theta = theta;
  config.note({kOriginal});  // counts beside a scaling only
  // Where both spellings stand, the new programs read the old one.
  const auto scaling = config.find("rope_scaling");
  const auto parameters = config.find("rope_parameters");
  const auto& chosen = scaling ? scaling : parameters;
  const bool none = !chosen || chosen->size() == 0;
  if (none || !is_by_layer(*chosen)) {
    // Beside an old scaling the new parameters may say theta.
    if (parameters && !is_by_layer(*parameters)) {
      theta = parameters->get_double("rope_theta").value_or(theta);
    }
    const RopeConfig full = none ? plain_rope(theta) : read_rope(config, *chosen, theta, shape);
    return {full, local_rope(family, full, local_theta)};
  }
  if (family.local_theta == 0.0 && !family.local_unscaled) {
    fail_unsupported("{}: rotary positions that differ between layers are not supported",
                     quoted(config.file()));
  }
  const auto one = [&](std::string_view key, double by_default) {
    const auto object = chosen->find(key);
    return object ? read_rope(config, *object, by_default, shape) : plain_rope(by_default);
  };
  return {one("full_attention", theta), one("sliding_attention", local_theta)};
}

void ropes_to_json(const LayerRopes& ropes, const Family& family, nlohmann::ordered_json& json) {
  const RopeConfig& rope = ropes.full;
  json["rope_theta"] = rope.theta;
  if (family.local_theta != 0.0) json["rope_local_base_freq"] = ropes.local.theta;
  if (rope.scaling == RopeScalingKind::kNone) {
    json["rope_scaling"] = nullptr;
    return;
  }
  nlohmann::ordered_json scaling;
  scaling["factor"] = rope.factor;
  if (rope.scaling == RopeScalingKind::kLinear) {
    scaling["rope_type"] = "linear";
    scaling["type"] = "linear";  // readers before "rope_type" know only this name
  } else if (rope.scaling == RopeScalingKind::kLlama3) {
    scaling["low_freq_factor"] = rope.low_freq_factor;
    scaling["high_freq_factor"] = rope.high_freq_factor;
    scaling["original_max_position_embeddings"] = rope.original_max_position;
    scaling["rope_type"] = "llama3";
  } else if (rope.scaling == RopeScalingKind::kLongRope) {
    scaling.erase("factor");
    scaling["short_factor"] = rope.frequency_factors;
    scaling["long_factor"] = rope.long_factors;
    if (rope.attention_factor != 0.0) scaling["attention_factor"] = rope.attention_factor;
    scaling["original_max_position_embeddings"] = rope.original_max_position;
    scaling["rope_type"] = "longrope";
    scaling["type"] = "longrope";
    // Where the family's own readers look for it.
    json["original_max_position_embeddings"] = rope.original_max_position;
  } else {
    scaling["original_max_position_embeddings"] = rope.original_max_position;
    scaling["beta_fast"] = rope.beta_fast;
    scaling["beta_slow"] = rope.beta_slow;
    if (rope.attention_factor != 0.0) scaling["attention_factor"] = rope.attention_factor;
    if (!rope.truncate) scaling["truncate"] = false;
    scaling["rope_type"] = "yarn";
  }
  json["rope_scaling"] = std::move(scaling);
}

}  // namespace lathe
