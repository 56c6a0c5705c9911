// Changing all layers of a configuration at once.
#pragma once

#include "lathe/model_config.h"

namespace lathe::test {

// Calls change(LayerConfig&) for each.
template <typename Change>
void each_layer(ModelConfig& config, Change change) {
  for (LayerConfig& layer : config.layers) change(layer);
}

}  // namespace lathe::test
