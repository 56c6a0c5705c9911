// Making untrusted bytes safe to show: names from files must not reach a terminal raw.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// Printable UTF-8 passes; control bytes, DEL, C1 controls, bidirectional overrides and
// invalid UTF-8 become \xNN per byte; the backslash and the quote are escaped. At most
// `limit` bytes of input are shown, then "…".
LATHE_API std::string escape_for_terminal(std::string_view bytes, std::size_t limit = 200);

// The same inside double quotes: how a file or tensor name stands in a message.
LATHE_API std::string quoted(std::string_view bytes);
// An exact match for a std::string: otherwise, where <iomanip> is included, overload
// resolution prefers std::quoted.
inline std::string quoted(const std::string& bytes) { return quoted(std::string_view(bytes)); }

}  // namespace lathe
