// Strings and numbers as a template writes them, which is as Python does.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lathe::jinja {

// The value of a string literal, from what stands between its quotes. Throws kInvalid for a
// broken escape, kUnsupported for one by a character's name.
std::string unescape(std::string_view body);

struct NumberLiteral {
  std::string digits;      // without underscores; an integer in base 10
  std::size_t length = 0;  // bytes of the source; 0: there is no number
  bool is_float = false;
};

// The number at the beginning of `text`. `after_dot`: a dot stands before it, so that it is an
// index ("a.0.1") and no float. Throws kUnsupported for an integer beyond 64 bits.
NumberLiteral read_number(std::string_view text, bool after_dot);

}  // namespace lathe::jinja
