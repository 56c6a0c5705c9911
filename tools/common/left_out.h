// Of a model that sees or hears only the part for text is run, and people are told so.
#pragma once

#include "lathe/checkpoint.h"

#include "common/tool.h"

namespace lathe::tool {

// A notice that names the parts of the model that were left out; nothing where there are none.
void note_left_out(const Tool& tool, const Checkpoint& checkpoint);

}  // namespace lathe::tool
