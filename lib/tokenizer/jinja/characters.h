// Classes and cases of characters as Python's str methods see them, which templates rely on.
// Source: Python's documentation of str and the Unicode database behind it.
#pragma once

#include <string>
#include <string_view>

namespace lathe::jinja {

bool is_space(char32_t c) noexcept;
bool is_printable(char32_t c) noexcept;
bool is_alpha(char32_t c) noexcept;
bool is_decimal(char32_t c) noexcept;  // digits that make numbers, of any script
bool is_digit(char32_t c) noexcept;    // those, superscripts, circled digits, ...
bool is_alnum(char32_t c) noexcept;
bool is_upper(char32_t c) noexcept;
bool is_lower(char32_t c) noexcept;
bool is_title(char32_t c) noexcept;
inline bool is_cased(char32_t c) noexcept { return is_upper(c) || is_lower(c) || is_title(c); }
bool is_word(char32_t c) noexcept;      // \w of Python's regular expressions
bool breaks_line(char32_t c) noexcept;  // ends a line for str.splitlines()

// Appends c in another case, which may take several characters ("ß" is "SS").
void append_upper(char32_t c, std::string& out);
void append_title(char32_t c, std::string& out);
// The character of `text` at byte `at`: a final sigma depends on its neighbours.
void append_lower(std::string_view text, std::size_t at, std::string& out);

}  // namespace lathe::jinja
