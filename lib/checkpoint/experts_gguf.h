// Mixtures of experts as a GGUF file's keys say them.
//
// Errors: kInvalid with the key; kUnsupported, by name, for routing that is not run here.
#pragma once

#include "lathe/model_config.h"

#include "checkpoint/family.h"
#include "checkpoint/gguf_fields.h"

namespace lathe {

// Into layers that are otherwise known.
void read_experts(const GgufFields& keys, const Family& family, ModelConfig& config);

}  // namespace lathe
