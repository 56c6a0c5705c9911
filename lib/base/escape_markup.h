// Any text as character data of HTML or XML.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// What could open markup or end a quoted attribute becomes an entity, control characters become
// spaces, and bytes that are no UTF-8 the replacement character.
std::string escape_markup(std::string_view text);

}  // namespace lathe
