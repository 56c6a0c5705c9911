// Whether options stand on the command line, for those who need not know how they are parsed.
#pragma once

#include <vector>

#include "common/tool.h"

namespace lathe::tool {

bool given(const CLI::Option* option);

// Of options that belong together, the first that is given. Null: none is.
const CLI::Option* first_given(const std::vector<const CLI::Option*>& options);

}  // namespace lathe::tool
