// GPT-2's spelling of bytes as printable characters, so that any bytes are a text.
//
// Bytes that are printable in Latin-1 stand for themselves; the other 68 are U+0100 and up in
// their order (a space is U+0120, a line feed U+010A).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace lathe {

// The UTF-8 character of each byte.
const std::array<std::string, 256>& byte_level_chars();

std::string to_byte_level(std::string_view bytes);

// The bytes, or nothing when a character stands for none.
std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace lathe
