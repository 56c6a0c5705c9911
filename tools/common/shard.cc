#include "common/shard.h"

#include <CLI/App.hpp>

namespace lathe::tool {

CLI::Option* add_shard(Tool& tool, std::string& value, const std::string& what) {
  return tool.app()
      .add_option("--shard", value,
                  what + " I-th of every N, so that N processes do the whole between them")
      ->type_name("I/N");
}

}  // namespace lathe::tool
