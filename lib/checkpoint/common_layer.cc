#include "checkpoint/common_layer.h"

#include <algorithm>

#include "base/fail.h"

namespace lathe {

LayerConfig common_layer(const ModelConfig& config, const char* format) {
  LayerConfig common = config.layer(0);
  for (const LayerConfig& layer : config.layers) {
    std::int64_t& window = common.attention.window;
    if (window == 0) window = layer.attention.window;
    LayerConfig same = layer;
    if (same.attention.window == 0) same.attention.window = window;
    if (same == common) continue;
    fail_unsupported("{} of family {} cannot say in what this model's layers differ", format,
                     config.family);
  }
  return common;
}

bool windows_are_mixed(const ModelConfig& config) noexcept {
  const auto windowed = [](const LayerConfig& layer) { return layer.attention.window > 0; };
  return std::any_of(config.layers.begin(), config.layers.end(), windowed) &&
         !std::all_of(config.layers.begin(), config.layers.end(), windowed);
}

}  // namespace lathe
