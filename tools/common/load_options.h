// --no-mmap, --lock and --numa: where a model's weights lie. For tools that load a model to run it.
#pragma once

#include <string>

#include "lathe/host/numa.h"
#include "lathe/model.h"

#include "common/tool.h"

namespace lathe::tool {

// As --numa has it.
const char* name_of(NumaMode mode);

void add_load_options(Tool& tool, LoadOptions& options, const std::string& group = {});

}  // namespace lathe::tool
