// What stands between the two halves of a feed-forward part.
#pragma once

#include <cstdint>

#include "lathe/model_config.h"

namespace lathe {

// gate = activation(gate) · up, n floats each; the clamped one writes to `up` as well. Without a
// gate `up` is ones.
void activate(Activation activation, std::int64_t n, float* gate, float* up) noexcept;

}  // namespace lathe
