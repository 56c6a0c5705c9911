// --no-mmap and --lock: where a model's weights lie. For tools that load a model to run it.
#pragma once

#include "lathe/model.h"

#include "common/tool.h"

namespace lathe::tool {

inline void add_load_options(Tool& tool, LoadOptions& options, const std::string& group = {}) {
  CLI::Option* in_memory = tool.app().add_flag("--no-mmap", options.in_memory,
                                               "Read the weights into memory at the start");
  CLI::Option* lock =
      tool.app().add_flag("--lock", options.lock, "Keep the weights from being paged out");
  if (group.empty()) return;
  in_memory->group(group);
  lock->group(group);
}

}  // namespace lathe::tool
