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

// The scaling's own fields.
void read_scaling(const JsonView& outer, const JsonView& fields, std::int64_t max_position,
                  RopeConfig& rope) {
  const auto new_name = fields.get_string("rope_type");
  const std::string type = new_name ? *new_name : fields.get_string("type").value_or("default");
  if (fields.get_double("partial_rotary_factor").value_or(1.0) != 1.0) {
    fail_unsupported(
        "{}: rotary positions over a part of each head (partial_rotary_factor) are "
        "not supported",
        quoted(fields.file()));
  }
  if (type == "default") return;
  if (type != "linear" && type != "llama3" && type != "yarn") {
    fail_unsupported("{}: rope scaling {} is not supported (supported: linear, llama3, yarn)",
                     quoted(fields.file()), quoted(type));
  }
  // YaRN alone can do without: its factor follows from the lengths.
  rope.factor =
      type == "yarn" ? fields.get_double("factor").value_or(1.0) : fields.at("factor").as_double();
  // Beside the scaling, where some families keep it, it counts first.
  const auto original = outer.get_int(kOriginal, 1);
  rope.original_max_position =
      original ? *original : fields.get_int(kOriginal, 1).value_or(max_position);
  if (type == "linear") {
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

}  // namespace

RopeConfig rope_from_json(const JsonView& config, std::int64_t max_position) {
  RopeConfig rope;
  if (config.get_double("partial_rotary_factor").value_or(1.0) != 1.0) {
    fail_unsupported(
        "{}: rotary positions over a part of each head (partial_rotary_factor) are "
        "not supported",
        quoted(config.file()));
  }
  rope.theta = config.get_double("rope_theta").value_or(10000.0);
  config.note({kOriginal});  // counts beside a scaling only
  // Where both spellings stand, the new programs read the old one.
  const auto scaling = config.find("rope_scaling");
  const auto parameters = config.find("rope_parameters");
  const auto& chosen = scaling ? scaling : parameters;
  if (!chosen || chosen->size() == 0) return rope;
  for (const char* nested : {"full_attention", "sliding_attention"}) {
    if (chosen->contains(nested)) {
      fail_unsupported("{}: rotary positions that differ between layers are not supported",
                       quoted(config.file()));
    }
  }
  if (parameters) rope.theta = parameters->get_double("rope_theta").value_or(rope.theta);
  if (scaling) rope.theta = scaling->get_double("rope_theta").value_or(rope.theta);
  KeySet asked;
  const JsonView fields = chosen->noting(asked);
  fields.note({"rope_theta", "rope_type", "type", kOriginal});
  read_scaling(config, fields, max_position, rope);
  refuse_unread_rope_keys(fields, asked);
  return rope;
}

void rope_to_json(const RopeConfig& rope, nlohmann::ordered_json& json) {
  json["rope_theta"] = rope.theta;
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
