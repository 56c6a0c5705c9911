#include "common/page_cache.h"

#include <CLI/App.hpp>

namespace lathe::tool {

CLI::Option* add_cache_dir(Tool& tool, std::string& value) {
  return tool.app()
      .add_option("--cache-dir", value,
                  "Keep them in DIR, for later prompts that begin with the same tokens")
      ->type_name("DIR");
}

CLI::Option* add_cache_size(Tool& tool, std::uint64_t& value) {
  return tool.size("--cache-size", value,
                   "Remove from --cache-dir what was not used for longest, beyond SIZE bytes",
                   "4G");
}

}  // namespace lathe::tool
