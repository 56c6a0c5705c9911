// Which layers see a window only, in config.json: "sliding_window", with a switch, a period or a
// list of layer types, as the family has it (family.h).
//
// Errors: kInvalid and kUnsupported with the field.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/family.h"

namespace lathe {

// Into layers that are otherwise alike.
void read_window(const JsonView& fields, const Family& family, ModelConfig& config);

// `window`: of the layers that have one, 0: none has.
void window_to_json(const ModelConfig& config, std::int64_t window, const Family& family,
                    nlohmann::ordered_json& json);

}  // namespace lathe
