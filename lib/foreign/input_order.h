// Inputs that belong to groups by a table, "g_idx".
#pragma once

#include <cstdint>
#include <string>

#include "foreign/parts.h"

namespace lathe {

// Takes the part, where there is one, and checks that it puts the inputs into their groups in
// order: input i into group i / group. Throws kInvalid for a group that is none, kUnsupported for
// another order (desc_act, actorder), which the layout has not.
void require_order(const std::string& name, std::int64_t cols, std::int64_t group, Parts& parts);

}  // namespace lathe
