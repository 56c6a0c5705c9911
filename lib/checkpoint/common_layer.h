// For formats that say once what holds for all layers.
#pragma once

#include "lathe/model_config.h"

namespace lathe {

// The layer that each of the model's layers is, with the window of those that have one (some may
// have none). Throws kUnsupported, with `format` in the message ("a config.json"), when layers
// differ otherwise.
LayerConfig common_layer(const ModelConfig& config, const char* format);

// Whether a window holds for some layers and not for all.
bool windows_are_mixed(const ModelConfig& config) noexcept;

}  // namespace lathe
