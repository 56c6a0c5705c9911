// --cache-dir and --cache-size: keys and values that outlive the process.
#pragma once

#include <cstdint>
#include <string>

#include "common/tool.h"

namespace lathe::tool {

CLI::Option* add_cache_dir(Tool& tool, std::string& value);
CLI::Option* add_cache_size(Tool& tool, std::uint64_t& value);

}  // namespace lathe::tool
