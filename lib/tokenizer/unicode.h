// Character classes as the originals of the tokenizers use them (Rust's regex and std).
#pragma once

#include <cstddef>
#include <string_view>

namespace lathe {

bool is_white_space(char32_t c) noexcept;     // the property White_Space
bool is_word_char(char32_t c) noexcept;       // \w of UTS 18: letters, marks, digits, connectors
bool is_combining_mark(char32_t c) noexcept;  // general category Mn or Me or Mc

// Bytes of white space at the beginning or the end of valid UTF-8.
std::size_t leading_space(std::string_view text) noexcept;
std::size_t trailing_space(std::string_view text) noexcept;

// The character that ends just before `at` (> 0) of valid UTF-8, and its size.
char32_t char_before(std::string_view text, std::size_t at, std::size_t& size) noexcept;

}  // namespace lathe
