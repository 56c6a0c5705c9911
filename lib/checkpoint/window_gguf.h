// Which layers of a GGUF file's model see a window only, and what such layers have for themselves.
//
// Errors: kInvalid with the key.
#pragma once

#include "lathe/model_config.h"

#include "checkpoint/family.h"
#include "checkpoint/gguf_fields.h"

namespace lathe {

// Into layers whose attention is otherwise known.
void read_windows(const GgufFields& keys, const Family& family, ModelConfig& config);

}  // namespace lathe
