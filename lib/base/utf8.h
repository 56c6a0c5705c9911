// UTF-8, strictly as Unicode 15 table 3-7: no overlong forms, no surrogates.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lathe {

struct Utf8Char {
  char32_t code = 0;       // U+FFFD when invalid
  std::size_t length = 0;  // bytes taken; for an invalid sequence its maximal subpart (1..3)
  bool valid = false;
};

// Decodes the first character of `bytes`, which must not be empty.
Utf8Char decode_utf8(std::string_view bytes) noexcept;

// Appends the encoding of `code`, a Unicode scalar value.
void append_utf8(char32_t code, std::string& out);

bool is_valid_utf8(std::string_view bytes) noexcept;

// Every maximal invalid subpart becomes one U+FFFD, as Python's errors="replace" does.
std::string replace_invalid_utf8(std::string_view bytes);

// How many bytes at the end of `bytes` may be the beginning of a character that is not
// complete yet (0..3). Used to stream text whole characters at a time.
std::size_t incomplete_utf8_suffix(std::string_view bytes) noexcept;

}  // namespace lathe
