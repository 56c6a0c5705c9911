// generate --jsonl and --lines: a file of prompts in, a record for each out.
//
// Errors: as run_batch (lathe/batch.h). Ends the process by the signal where one asked for it,
// after the record at hand.
#pragma once

#include "common/tool.h"
#include "generate/options.h"

namespace lathe::tool {

// The exit status: 1 when a row failed.
int run_batch_command(const Tool& tool, GenerateFlags& flags);

}  // namespace lathe::tool
