#include "common/given.h"

#include <CLI/App.hpp>
#include <algorithm>

namespace lathe::tool {

bool given(const CLI::Option* option) { return option->count() > 0; }

const CLI::Option* first_given(const std::vector<const CLI::Option*>& options) {
  const auto found = std::ranges::find_if(options, given);
  return found == options.end() ? nullptr : *found;
}

}  // namespace lathe::tool
