// Sets of characters that regular expressions have names for.
#pragma once

#include <optional>
#include <string_view>

#include "constraint/char_set.h"

namespace lathe {

const CharSet& digit_chars();  // \d
const CharSet& word_chars();   // \w
const CharSet& space_chars();  // \s
const CharSet& line_chars();   // all but line ends

// A general category ("Lu", "L", "gc=L", "Letter" not), "Any" or "ASCII".
std::optional<CharSet> category_chars(std::string_view name);

}  // namespace lathe
