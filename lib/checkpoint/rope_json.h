// Rotary position settings in config.json: "rope_theta" with "rope_scaling" (type or
// rope_type), or the newer "rope_parameters" that holds all of it.
//
// Errors: kInvalid with the field; kUnsupported, by name, for other scalings (dynamic,
// longrope, mrope), partial rotation and keys that are not understood.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "lathe/model_config.h"

#include "base/json.h"

namespace lathe {

RopeConfig rope_from_json(const JsonView& config, std::int64_t max_position);

// Writes rope_theta and rope_scaling, the spelling that old and new readers understand. Explicit
// frequency factors have no place in it (config_json.cc).
void rope_to_json(const RopeConfig& rope, nlohmann::ordered_json& json);

}  // namespace lathe
