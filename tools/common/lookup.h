// --lookup: several tokens for one reading of the weights, copied from what was read and written.
#pragma once

#include <string>

#include "lathe/model.h"

#include "common/tool.h"

namespace lathe::tool {

CLI::Option* add_lookup(Tool& tool, std::string& value);

// Whether the value asks for that. Bits of float models depend on what is computed beside them:
// only who says "on" gets that.
bool wants_lookup(const std::string& value, const Model& model);

}  // namespace lathe::tool
