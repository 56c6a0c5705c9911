#include "checkpoint/common_layer.h"

namespace lathe {
namespace {

const LayerConfig& first(const ModelConfig& config, bool windowed) noexcept {
  for (const LayerConfig& layer : config.layers) {
    if ((layer.attention.window > 0) == windowed) return layer;
  }
  return config.layers.front();
}

}  // namespace

const LayerConfig& typical_layer(const ModelConfig& config) noexcept {
  return first(config, false);
}

const LayerConfig& windowed_layer(const ModelConfig& config) noexcept {
  return first(config, true);
}

}  // namespace lathe
