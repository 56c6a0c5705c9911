// Special tokens in config.json and generation_config.json.
//
// Errors: kInvalid with the field.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "lathe/model_config.h"

#include "base/json.h"
#include "checkpoint/family.h"

namespace lathe {

// A number, or a list of numbers; nothing when the key is absent or null.
std::vector<std::int64_t> token_ids(const JsonView& fields, std::string_view key);

// Absent keys mean the family's; null: none.
void read_tokens(const JsonView& fields, const Family& family, ModelConfig& config);

}  // namespace lathe
