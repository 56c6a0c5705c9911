#include "checkpoint/window_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::string_view kPattern = "sliding_window_pattern";

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
// A period, or the letters of one: "LLLG" of layers with a window and without, where the model's
// last layer sees everything.
void read_pattern(const JsonView& fields, std::int64_t window, const Family& family,
                  ModelConfig& config) {
  const auto pattern = fields.find(kPattern);
  if (!pattern || !pattern->is_string()) {
    const std::int64_t period = fields.get_int(kPattern, 0).value_or(family.window_period);
    put_period(window, period, config);
    return;
  }
  const std::string& letters = pattern->as_string();
  if (letters.empty() || letters.find_first_not_of("LG") != std::string::npos) {
    pattern->fail_here("is neither a period nor letters L and G");
  }
  for (std::size_t layer = 0; layer + 1 < config.layers.size(); ++layer) {
    if (letters[layer % letters.size()] == 'L') config.layers[layer].attention.window = window;
  }
}

}  // namespace

void read_window(const JsonView& fields, const Family& family, ModelConfig& config) {
  if (family.window == WindowRule::kNone) return;
  const bool written = fields.json().contains("sliding_window");
  std::int64_t window =
      written ? fields.get_int("sliding_window", 0).value_or(0) : family.window_size;
  if (family.window == WindowRule::kPattern) {
    fields.note({kPattern});
    if (!read_layer_types(fields, window, config)) read_pattern(fields, window, family, config);
    if (window > 0 && family.only_local_turns) stop_turning(config);
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
void window_to_json(const ModelConfig& config, std::int64_t window, const Family& family,
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

}  // namespace lathe
