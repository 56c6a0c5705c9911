// A conversation at the terminal.
#pragma once

#include "common/tool.h"
#include "generate/open_model.h"
#include "generate/options.h"

namespace lathe::tool {

// Whether --chat means one: a person sits at both ends, and no message was given. Throws kUsage for
// options that mean nothing there.
bool wants_talk(const Tool& tool, const GenerateFlags& flags);

// Reads messages and answers them until Ctrl-D. Errors of a single turn are said, and the
// conversation goes on without it.
int run_talk(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened);

}  // namespace lathe::tool
