// For formats that say once what holds for all layers.
//
// They say by rules in what layers differ, and what a rule would not give back is refused by
// whoever writes.
#pragma once

#include "lathe/model_config.h"

namespace lathe {

// The first layer without a window, or where all have one the first layer.
const LayerConfig& typical_layer(const ModelConfig& config) noexcept;

// The first layer with a window, or where none has one the first layer.
const LayerConfig& windowed_layer(const ModelConfig& config) noexcept;

}  // namespace lathe
