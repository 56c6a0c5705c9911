#include "checkpoint/lora_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe {
namespace {

constexpr std::int64_t kMaxRank = 1 << 16;

// Keys that, unless absent, null, false or empty, ask for something beyond B·A.
constexpr const char* kUnsupported[] = {
    "use_dora",          "lora_bias",         "modules_to_save",         "fan_in_fan_out",
    "layer_replication", "target_parameters", "trainable_token_indices", "use_qalora",
    "use_bdlora",        "arrow_config",      "alora_invocation_tokens", "kasa_config",
    "velora_config",     "monteclora_config"};

bool says_nothing(const JsonView& value) {
  if (value.is_bool()) return !value.as_bool();
  if (value.is_array() || value.is_object()) return value.size() == 0;
  return false;
}

void check_supported(const JsonView& config) {
  const std::string file = quoted(config.file());
  const std::string type = config.at("peft_type").as_string();
  if (type != "LORA") {
    fail_unsupported("{}: an adapter of type {}; only LORA is supported", file, quoted(type));
  }
  for (const char* key : kUnsupported) {
    const auto value = config.find(key);
    if (value && !says_nothing(*value)) {
      fail_unsupported("{}: {} is set, which is not supported: only plain LoRA matrices are", file,
                       key);
    }
  }
  const std::string bias = config.get_string("bias").value_or("none");
  if (bias != "none") {
    fail_unsupported("{}: bias is {}; only adapters without biases are supported", file,
                     quoted(bias));
  }
  // Some ways to begin training change the base's weights, which the adapter then needs.
  const auto init = config.find("init_lora_weights");
  if (init && init->is_string()) {
    const std::string& how = init->as_string();
    if (how != "gaussian" && how != "eva" && how != "orthogonal") {
      fail_unsupported(
          "{}: init_lora_weights is {}, which changes the base's weights; convert the adapter to a "
          "plain LoRA first (PEFT: path_initial_model_for_weight_conversion)",
          file, quoted(how));
    }
  }
}

// PEFT's rule: the key matches all of a module's name, or its end after a dot.
Regex name_pattern(const std::string& key, const std::string& file) {
  return Regex("\\A(?:.*\\.)?(?:" + key + ")\\z", file);
}

template <typename Value>
Value value_of(const std::vector<std::pair<Regex, Value>>& patterns, std::string_view module,
               Value otherwise) {
  RegexScratch scratch;
  Regex::Match match;
  const Value* found = nullptr;
  for (const auto& [regex, value] : patterns) {
    if (!regex.find(module, 0, scratch, match)) continue;
    // The first would hold, and a JSON object has no first.
    if (found != nullptr && *found != value) {
      fail_unsupported("adapter_config.json: two patterns give different values for {}",
                       quoted(module));
    }
    found = &value;
  }
  return found != nullptr ? *found : otherwise;
}

}  // namespace

std::int64_t LoraConfig::rank_of(std::string_view module) const {
  return value_of(ranks, module, rank);
}

double LoraConfig::scale_of(std::string_view module) const {
  const auto r = static_cast<double>(rank_of(module));
  return value_of(alphas, module, alpha) / (rank_stabilised ? std::sqrt(r) : r);
}

LoraConfig parse_lora_config(std::string_view text, const std::string& file) {
  const nlohmann::json document = parse_json(text, file);
  const JsonView view(document, file);
  if (!view.is_object()) view.fail_here("is not an object");
  check_supported(view);

  LoraConfig config;
  config.rank = view.at("r").as_int(1, kMaxRank);
  config.alpha = view.at("lora_alpha").as_double();
  config.rank_stabilised = view.get_bool("use_rslora").value_or(false);
  const auto targets = view.find("target_modules");
  if (targets && targets->is_array()) {
    for (const JsonView& target : targets->items()) config.targets.push_back(target.as_string());
  } else if (targets && !targets->is_string()) {
    targets->fail_here("is neither a list of names nor a text");
  }
  if (const auto ranks = view.find("rank_pattern")) {
    ranks->for_each([&](const std::string& key, const JsonView& value) {
      config.ranks.emplace_back(name_pattern(key, file), value.as_int(1, kMaxRank));
    });
  }
  if (const auto alphas = view.find("alpha_pattern")) {
    alphas->for_each([&](const std::string& key, const JsonView& value) {
      config.alphas.emplace_back(name_pattern(key, file), value.as_double());
    });
  }
  return config;
}

}  // namespace lathe
