// Rotary position settings in config.json: "rope_theta" with "rope_scaling" (type or
// rope_type), or the newer "rope_parameters" that holds all of it.
//
// Where layers with a window turn otherwise, newer files have one such object for "full_attention"
// and one for "sliding_attention", older ones "rope_local_base_freq".
//
// Errors: kInvalid with the field; kUnsupported, by name, for other scalings (dynamic,
// mrope), partial rotation where the family has none, and keys that are not understood.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/family.h"

namespace lathe {

struct LayerRopes {
  RopeConfig full;   // of layers without a window
  RopeConfig local;  // of layers with one
};

LayerRopes ropes_from_json(const JsonView& config, const Family& family, std::int64_t max_position,
                           std::int64_t head_dim);

// The share of a head that turns; `absent`: what an absent key means.
double partial_rotary_factor(const JsonView& config, double absent);

// Writes rope_theta and rope_scaling, the spelling that old and new readers understand. Explicit
// frequency factors have no place in it (config_json.cc).
void ropes_to_json(const LayerRopes& ropes, const Family& family, nlohmann::ordered_json& json);

}  // namespace lathe
