// Of options that belong together, the first that stands on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

namespace lathe::tool {

// Null: none does.
inline const CLI::Option* first_given(const std::vector<const CLI::Option*>& options) {
  const auto found =
      std::ranges::find_if(options, [](const auto* one) { return one->count() > 0; });
  return found == options.end() ? nullptr : *found;
}

}  // namespace lathe::tool
