// Inputs that belong to groups by a table, "g_idx".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "foreign/parts.h"

namespace lathe {

// Takes the part, where there is one or the configuration says so: the group of each input. Gives
// the inputs in the order of their groups, and within a group in their own; nothing where they are
// in that order. Throws kInvalid for a group that is none, kUnsupported for groups of other sizes
// than `group` (but for the last).
std::vector<std::uint32_t> take_order(const std::string& name, std::int64_t cols,
                                      std::int64_t group, bool needed, Parts& parts);

}  // namespace lathe
