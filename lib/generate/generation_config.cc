#include "lathe/generation_config.h"

#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "checkpoint/stored_checkpoint.h"

namespace lathe {
namespace {

std::optional<double> number(const JsonView& object, std::string_view key, double least,
                             double most) {
  const std::optional<double> value = object.get_double(key);
  if (value && !(*value >= least && *value <= most)) {
    object.at(key).fail_here(fmt::format("is {}; {} to {} are possible", *value, least, most));
  }
  return value;
}

// What transformers draws or searches by besides, each with the number at which it does nothing.
// Other values that do nothing are null, false and empty lists.
struct Other {
  const char* key;
  double neutral;
};
constexpr std::array<Other, 15> kOthers = {{
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"penalty_alpha", 0},
    {"typical_p", 1},
    {"epsilon_cutoff", 0},
    {"eta_cutoff", 0},
    {"no_repeat_ngram_size", 0},
    {"encoder_repetition_penalty", 1},
    {"min_length", 0},
    {"min_new_tokens", 0},
    {"bad_words_ids", 0},
    {"suppress_tokens", 0},
    {"begin_suppress_tokens", 0},
    {"sequence_bias", 0},
    {"guidance_scale", 1},
}};

bool does_nothing(const nlohmann::json& value, double neutral) {
  if (value.is_number()) return value.get<double>() == neutral;
  return value.is_boolean() ? !value.get<bool>() : value.empty();
}

}  // namespace

GenerationConfig generation_config(const Checkpoint& checkpoint) {
  const auto found = checkpoint.metadata().find(metadata_keys::kGenerationConfig);
  if (found == checkpoint.metadata().end()) return {};
  const std::string file = metadata_keys::kGenerationConfig;
  const nlohmann::json json = parse_json(found->second, file);
  const JsonView root(json, file);
  GenerationConfig out;
  out.do_sample = root.get_bool("do_sample");
  out.temperature = number(root, "temperature", 0, 1e6);
  out.top_p = number(root, "top_p", 0, 1);
  out.min_p = number(root, "min_p", 0, 1);
  out.repetition_penalty = number(root, "repetition_penalty", 1e-6, 1e6);
  out.top_k = root.get_int("top_k", -1, std::int64_t{1} << 40);
  if (out.top_k == -1) out.top_k = 0;
  for (const auto& [key, neutral] : kOthers) {
    const auto value = root.find(key);
    if (value && !does_nothing(value->json(), neutral)) out.not_done.emplace_back(key);
  }
  return out;
}

SamplingOptions sampling_of(const GenerationConfig& config, const SamplingOptions& base) {
  SamplingOptions out = base;
  if (config.repetition_penalty && *config.repetition_penalty != 1) {
    out.repeat_penalty = *config.repetition_penalty;
    out.repeat_last = -1;
  }
  const bool draws = config.temperature || config.top_p || config.top_k || config.min_p;
  if (!config.do_sample.value_or(draws)) return out;
  out.temperature = config.temperature.value_or(1);
  out.top_p = config.top_p.value_or(1);
  out.min_p = config.min_p.value_or(0);
  // transformers' own default where it draws and the file says nothing.
  out.top_k = config.top_k.value_or(50);
  return out;
}

}  // namespace lathe
