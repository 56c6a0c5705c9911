// Published models that see or hear hold the model of text inside: its configuration under
// "text_config", its tensors behind a prefix, beside those of other parts.
//
// Text alone is run here: the part that is a model of text is taken out, and the others are left
// out and named. Thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/stored_checkpoint.h"

namespace lathe {

// The configuration of the text part, which for one without "text_config" is all of `config`.
// Throws kUnsupported for a key beside it that is not understood, kInvalid where it is no object.
nlohmann::json unwrap_config(nlohmann::json config, std::string_view file);

// Gives tensors of the text part the names that they have in a model of text alone, and drops
// those of other parts, whose names it returns, each once. Of a model without a wrapper nothing.
std::vector<std::string> unwrap_tensors(std::vector<FoundTensor>& tensors);

}  // namespace lathe
