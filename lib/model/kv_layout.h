// What a model's keys and values are like, from its configuration.
#pragma once

#include "lathe/model.h"

#include "model/kv_cache.h"
#include "model/split.h"

namespace lathe {

// Of the layers and heads that this process attends to. Throws kUnsupported for heads that no page
// can hold.
KvShape kv_shape(const ModelConfig& config, KvType type, const Share& share = {});

}  // namespace lathe
