// --shard of the tools that work through many items: one process's part of them.
#pragma once

#include <string>

#include "lathe/host/shard.h"

#include "common/tool.h"

namespace lathe::tool {

// `what` begins its help: "Answer only the". The value is for parse_shard().
CLI::Option* add_shard(Tool& tool, std::string& value, const std::string& what);

}  // namespace lathe::tool
