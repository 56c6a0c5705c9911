// Formats of strings that JSON Schema names.
#pragma once

#include <optional>
#include <string_view>

namespace lathe {

// An expression for the whole string; nothing for a format that is not known. Dates are days that
// months have, leap years aside (a 29th of February is in no year's text); leap seconds are none.
std::optional<std::string_view> format_regex(std::string_view format);
// Whether JSON Schema defines it; other names are annotations of their users.
bool is_standard_format(std::string_view format);
// "date, date-time, …".
std::string_view known_formats();

}  // namespace lathe
