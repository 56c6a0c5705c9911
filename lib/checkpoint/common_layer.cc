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

const LayerConfig& sparse_layer(const ModelConfig& config) noexcept {
  for (const LayerConfig& layer : config.layers) {
    if (layer.experts.count > 0) return layer;
  }
  return config.layers.front();
}

const LayerConfig& dense_layer(const ModelConfig& config) noexcept {
  for (const LayerConfig& layer : config.layers) {
    if (layer.experts.count == 0) return layer;
  }
  return config.layers.front();
}

ExpertInterval interval_of_experts(const ModelConfig& config) noexcept {
  ExpertInterval interval{config.num_layers(), 1};
  std::int64_t last = -1;
  for (std::int64_t i = 0; i < config.num_layers(); ++i) {
    if (config.layer(i).experts.count == 0) continue;
    if (last < 0) {
      interval.first = i;
    } else {
      interval.step = i - last;
    }
    last = i;
  }
  return interval;
}

}  // namespace lathe
