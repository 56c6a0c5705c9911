// How the model's publisher wants its answers drawn.
#pragma once

#include "lathe/checkpoint.h"

#include "common/tool.h"
#include "generate/options.h"

namespace lathe::tool {

// With --chat: puts what generation_config.json says in the place of options that were not given,
// and says so with -v. Throws kInvalid.
void take_model_sampling(const Tool& tool, const Checkpoint& checkpoint, GenerateFlags& flags);

}  // namespace lathe::tool
