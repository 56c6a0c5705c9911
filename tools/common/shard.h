// --shard of the tools that work through many items: one process's part of them.
#pragma once

#include <string>

#include "lathe/host/shard.h"

#include "common/tool.h"

namespace lathe::tool {

// `what` begins its help: "Answer only the". The value is for parse_shard().
inline CLI::Option* add_shard(Tool& tool, std::string& value, const std::string& what) {
  return tool.app()
      .add_option("--shard", value,
                  what + " I-th of every N, so that N processes do the whole between them")
      ->type_name("I/N");
}

}  // namespace lathe::tool
