// --ctx: the positions of a text. One word in all tools that have it, and one older that scripts
// may use.
#pragma once

#include <cstdint>
#include <string>

#include "lathe/checkpoint.h"
#include "lathe/model.h"

#include "common/tool.h"

namespace lathe::tool {

// `names`: "--ctx", with a letter before it where it has one.
CLI::Option* add_context(Tool& tool, const std::string& names, std::int64_t& value,
                         const std::string& help, std::int64_t min, std::int64_t max);

// How many positions to run a model with: `asked`, or where that is 0 all that it has. Throws
// kLimit for more than that; `path` names the model.
std::int64_t context_of(const std::string& path, const ModelConfig& config, std::int64_t asked);
inline std::int64_t context_of(const std::string& path, const Model& model, std::int64_t asked) {
  return context_of(path, model.config(), asked);
}

}  // namespace lathe::tool
