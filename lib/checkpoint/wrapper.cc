#include "checkpoint/wrapper.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "checkpoint/unread_keys.h"

namespace lathe {
namespace {

constexpr std::string_view kText = "text_config";

// What a wrapper says of the text, where "text_config" does not.
constexpr std::string_view kOfText[] = {"bos_token_id", "eos_token_id",
                                        "pad_token_id", "tie_word_embeddings",
                                        "model_type",   "quantization_config"};

// Words in the names of keys that describe other parts, and where they meet the text.
constexpr std::string_view kOfOtherParts[] = {"vision", "image",     "video", "audio",
                                              "boi_",   "eoi_",      "mm_",   "spatial_merge",
                                              "visual", "projector", "boa_",  "eoa_"};

bool is_of_other_part(std::string_view key) {
  return std::ranges::any_of(kOfOtherParts, [=](std::string_view word) {
    return key.find(word) != std::string_view::npos;
  });
}

// Names of tensors in wrappers, and what a model of text calls them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPrefixes = {{
    {"model.language_model.", "model."},
    {"language_model.model.", "model."},
    {"language_model.lm_head.", "lm_head."},
}};

constexpr std::string_view kOtherParts[] = {
    "vision_tower", "vision_model", "visual",       "vision_encoder",
    "audio_tower",  "audio_model",  "embed_vision", "multi_modal_projector",
    "mtp",          "mm_projector", "embed_audio"};

// The other part that the tensor belongs to; empty: none.
std::string_view other_part(std::string_view name) {
  constexpr std::string_view kModel = "model.";
  if (name.starts_with(kModel)) name.remove_prefix(kModel.size());
  const std::string_view part = name.substr(0, name.find('.'));
  return std::ranges::find(kOtherParts, part) == std::end(kOtherParts) ? "" : part;
}

}  // namespace

nlohmann::json unwrap_config(nlohmann::json config, std::string_view file) {
  if (!config.is_object() || !config.contains(std::string(kText))) return config;
  KeySet asked = {std::string(kText)};
  const JsonView outer(config, file);
  for (const auto& item : config.items()) {
    if (is_of_other_part(item.key())) asked.insert(item.key());
  }
  asked.insert(std::begin(kOfText), std::end(kOfText));
  refuse_unread_keys(outer, asked);
  const JsonView inner = outer.at(kText);
  if (!inner.is_object()) inner.fail_here("is not an object");
  nlohmann::json text = inner.json();
  for (const std::string_view key : kOfText) {
    const std::string name(key);
    if (config.contains(name) && !text.contains(name)) text[name] = config[name];
  }
  // The class of the whole, which says nothing of the text.
  text.erase("architectures");
  return text;
}

std::vector<std::string> unwrap_tensors(std::vector<FoundTensor>& tensors) {
  const auto prefix_of = [](const FoundTensor& tensor) {
    return std::ranges::find_if(
        kPrefixes, [&](const auto& prefix) { return tensor.name.starts_with(prefix.first); });
  };
  const bool wrapped = std::ranges::any_of(
      tensors, [&](const FoundTensor& tensor) { return prefix_of(tensor) != kPrefixes.end(); });
  std::vector<std::string> parts;
  if (!wrapped) return parts;
  for (FoundTensor& tensor : tensors) {
    const std::string_view part = other_part(tensor.name);
    if (!part.empty()) {
      if (std::ranges::find(parts, part) == parts.end()) parts.emplace_back(part);
    } else if (const auto prefix = prefix_of(tensor); prefix != kPrefixes.end()) {
      tensor.name.replace(0, prefix->first.size(), prefix->second);
    }
  }
  std::erase_if(tensors,
                [](const FoundTensor& tensor) { return !other_part(tensor.name).empty(); });
  std::ranges::sort(parts);
  return parts;
}

}  // namespace lathe
