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

// A message as one line that may be shown: as above, but its quotes and backslashes stay, and all
// of it is shown. What was escaped before is not changed again.
LATHE_API std::string printable(std::string_view message);

// The same as escape_for_terminal() inside double quotes: how a file or tensor name stands in a
// message. An object, so that argument-dependent lookup never finds std::quoted instead.
struct LATHE_API Quoted {
  std::string operator()(std::string_view bytes) const;
};
inline constexpr Quoted quoted;

}  // namespace lathe
