// Names of many things in a message that stays one line.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lathe/export.h"

namespace lathe {

// "a", "b" and 7 more: the first `most` names, each as `quoted` shows it.
LATHE_API std::string quoted_list(std::span<const std::string> names, std::size_t most);

}  // namespace lathe
