// Mixtures of experts in config.json: how many, how many of them a token meets, and which layers
// have them. Which keys say so stands in the family's row (family.h).
//
// Errors: kInvalid and kUnsupported with the field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/family.h"

namespace lathe {

// Into layers that are otherwise known.
void read_experts(const JsonView& fields, const Family& family, ModelConfig& config);

// Of a family with experts.
void experts_to_json(const ModelConfig& config, const Family& family, nlohmann::ordered_json& json);

}  // namespace lathe
