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

// The same inside double quotes: how a file or tensor name stands in a message. An object, so
// that argument-dependent lookup never finds std::quoted instead.
struct LATHE_API Quoted {
  std::string operator()(std::string_view bytes) const;
};
inline constexpr Quoted quoted;

}  // namespace lathe
