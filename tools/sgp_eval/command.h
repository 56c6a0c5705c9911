// What sgp-eval does once its options are known to go together. Errors as the library's parts;
// not thread-safe.
#pragma once

#include "sgp_eval/options.h"

namespace lathe::tool {

class Tool;

// Returns the exit status: 1 when a question failed or was left out, or a gate was missed.
int run_sgp_eval(const Tool& tool, const SgpOptions& options);

}  // namespace lathe::tool
