// A configuration as one text, for comparisons.
#pragma once

#include <string>

#include "lathe/model_config.h"

namespace lathe {

// Everything that the forward pass looks at, and nothing else: two configurations compute the
// same if and only if their texts are equal.
std::string config_text(const ModelConfig& config);

}  // namespace lathe
