// Making untrusted bytes safe to show: names from files must not reach a terminal raw.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// Printable UTF-8 passes; control bytes, DEL, C1 controls, bidirectional overrides and
// invalid UTF-8 become \xNN per byte; the backslash and the quote are escaped. At most
// `limit` bytes of input are shown, then "…".
std::string escape_for_terminal(std::string_view bytes, std::size_t limit = 200);

// The same inside double quotes: how a file or tensor name stands in a message.
std::string quoted(std::string_view bytes);

}  // namespace lathe
