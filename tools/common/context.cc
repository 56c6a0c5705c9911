#include "common/context.h"

#include <CLI/App.hpp>

#include "lathe/host/escape.h"
#include "lathe/model_config.h"

#include "common/fail.h"

namespace lathe::tool {

CLI::Option* add_context(Tool& tool, const std::string& names, std::int64_t& value,
                         const std::string& help, std::int64_t min, std::int64_t max) {
  tool.number("--context-length", value, "", min, max)->group("");  // as it was called
  return tool.number(names, value, help, min, max);
}

std::int64_t context_of(const std::string& path, const ModelConfig& config, std::int64_t asked) {
  const std::int64_t longest = config.max_position;
  if (asked > longest) {
    fail(ErrorCode::kLimit, "{}: --ctx {} is more than the model's context of {} tokens",
         lathe::quoted(path), asked, longest);
  }
  return asked > 0 ? asked : longest;
}

}  // namespace lathe::tool
