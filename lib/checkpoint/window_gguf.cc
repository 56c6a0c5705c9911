#include "checkpoint/window_gguf.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

// Which layers the window holds for.
std::vector<bool> read_window_pattern(const GgufFields& keys, const Family& family,
                                      std::size_t layers) {
  std::vector<bool> windowed(layers, true);
  const std::string name = keys.key("attention.sliding_window_pattern");
  const GgufValue* pattern = keys.gguf().find(name);
  if (pattern == nullptr || pattern->type != GgufType::kArray) {
    // A period n: of n layers the last one sees everything.
    const std::int64_t period = keys.gguf().get_int(name).value_or(family.window_period);
    for (std::size_t layer = 0; layer < layers && period > 0; ++layer) {
      windowed[layer] = static_cast<std::int64_t>(layer) % period < period - 1;
    }
    return windowed;
  }
  if (pattern->count != layers ||
      (pattern->element != GgufType::kBool && pattern->element != GgufType::kU32 &&
       pattern->element != GgufType::kI32)) {
    fail_invalid("{}: {} is not one bool or integer per layer", quoted(keys.gguf().path()), name);
  }
  const std::size_t width = gguf_type_bytes(pattern->element);
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const auto element = pattern->data.subspan(layer * width, width);
    windowed[layer] = std::ranges::any_of(element, [](std::byte b) { return b != std::byte{0}; });
  }
  return windowed;
}

void read_local_ropes(const GgufFields& keys, const Family& family, ModelConfig& config) {
  if (family.local_theta == 0.0 && !family.local_unscaled) return;
  const double theta = keys.real("rope.freq_base_swa").value_or(family.local_theta);
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    if (a.window > 0) a.rope = local_rope(family, a.rope, theta);
  }
}

}  // namespace

void read_windows(const GgufFields& keys, const Family& family, ModelConfig& config) {
  const std::int64_t window = keys.integer("attention.sliding_window").value_or(0);
  keys.key("attention.sliding_window_pattern");                   // says nothing without a window
  if (family.local_theta != 0.0) keys.key("rope.freq_base_swa");  // the same
  if (window == 0) return;
  const auto windowed = read_window_pattern(keys, family, config.layers.size());
  for (std::size_t layer = 0; layer < windowed.size(); ++layer) {
    if (windowed[layer]) config.layers[layer].attention.window = window;
  }
  if (family.only_local_turns) stop_turning(config);
  read_local_ropes(keys, family, config);
}

}  // namespace lathe
