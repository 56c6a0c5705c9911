// What holds for all layers, in config.json: heads, widths, the activation, biases.
//
// Errors: kInvalid with the field; kUnsupported, by name, for activations that are not run here.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/config_json.h"
#include "checkpoint/family.h"

namespace lathe {

// `by_default` of 0: the key must be there.
std::int64_t require(const JsonView& fields, std::string_view key, std::int64_t by_default,
                     std::int64_t least = INT64_MIN);

// Without windows and rotations. `config` knows hidden_size.
LayerConfig layer_from_json(const JsonView& fields, const Family& family,
                            const ModelConfig& config);

void layer_to_json(const LayerConfig& layer, const Family& family, ConfigUse use,
                   nlohmann::ordered_json& json);

}  // namespace lathe
