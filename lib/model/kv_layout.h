// What a model's keys and values are like, from its configuration.
#pragma once

#include "lathe/model.h"

#include "model/kv_cache.h"

namespace lathe {

// Throws kUnsupported for heads that no page can hold.
KvShape kv_shape(const ModelConfig& config, KvType type);

}  // namespace lathe
