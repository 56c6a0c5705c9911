// Rotary positions as a GGUF file says them: its rope.* keys and its tensors of frequency factors.
//
// Errors: kInvalid with the key or tensor; kUnsupported, by name, for other scalings.
#pragma once

#include <cstdint>

#include "lathe/model_config.h"

#include "checkpoint/family.h"
#include "checkpoint/gguf_fields.h"

namespace lathe {

// How many dimensions of a head turn.
std::int64_t rotary_dims_from_gguf(const GgufFields& keys, const Family& family,
                                   std::int64_t head_dim);

// The rotation of layers without a window, over `dims` dimensions.
RopeConfig rope_from_gguf(const GgufFields& keys, std::int64_t max_position, std::int64_t dims);

}  // namespace lathe
