// What people are told of a model that is not run just as it was published.
#pragma once

#include "lathe/checkpoint.h"

#include "common/tool.h"

namespace lathe::tool {

// Notices that name the parts of the model that were left out, as of those that see or hear, and
// say what its quantized matrices lost on their way into the kernels' layout; nothing where all is
// there.
void note_left_out(const Tool& tool, const Checkpoint& checkpoint);

}  // namespace lathe::tool
