// What some families say in config.json beside sizes: scales, soft caps, layers that do not turn.
// Which keys a family has, and what absent ones mean, stands in its row (family.h).
//
// Errors: kInvalid and kUnsupported with the field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/family.h"

namespace lathe {

// Into a configuration whose layers, windows and rotations are known.
void read_options(const JsonView& fields, const Family& family, ModelConfig& config);

void options_to_json(const ModelConfig& config, const Family& family, nlohmann::ordered_json& json);

}  // namespace lathe
