// For formats that say once what holds for all layers.
//
// They say by rules in what layers differ, and what a rule would not give back is refused by
// whoever writes.
#pragma once

#include <cstdint>

#include "lathe/model_config.h"

namespace lathe {

// The first layer without a window, or where all have one the first layer.
const LayerConfig& typical_layer(const ModelConfig& config) noexcept;

// The first layer with a window, or where none has one the first layer.
const LayerConfig& windowed_layer(const ModelConfig& config) noexcept;

// The first layer with experts, and the first without; the first of all where there is none.
const LayerConfig& sparse_layer(const ModelConfig& config) noexcept;
const LayerConfig& dense_layer(const ModelConfig& config) noexcept;

// The first layer with experts, and of how many layers from there on the last one (by its number
// from 1) has them: {number of layers, 1} where none has.
struct ExpertInterval {
  std::int64_t first = 0;
  std::int64_t step = 1;
};
ExpertInterval interval_of_experts(const ModelConfig& config) noexcept;

}  // namespace lathe
