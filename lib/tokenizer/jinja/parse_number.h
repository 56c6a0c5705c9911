// Numbers in text, as Python's int() and float() read them: white space around them, underscores
// between digits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lathe::jinja {

// Nothing when it is none; throws kUnsupported when it needs more than 64 bits. Base 0 reads the
// base from a prefix.
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t base);

std::optional<double> parse_float(std::string_view text);

}  // namespace lathe::jinja
