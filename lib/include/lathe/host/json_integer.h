// A number out of what another program printed as JSON.
//
// The one bounded reader of the library (at most 200 levels, no key twice): what comes from outside
// is never handed to a parser without limits. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// The integer that the outermost object has under `key`; nothing where the text is no such object.
LATHE_API std::optional<std::int64_t> json_integer(std::string_view text, std::string_view key);

}  // namespace lathe
