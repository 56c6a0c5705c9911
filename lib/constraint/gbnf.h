// Grammars in GBNF, as llama.cpp's users write them. generate(1) describes the dialect.
//
// Beyond that: recursion on the left, underscores in names, and a line that begins with | goes on
// with the rule before. Tokens by name or id (<think>, <[1000]>) are refused.
#pragma once

#include <string>
#include <string_view>

#include "constraint/rules.h"

namespace lathe {

// Throws kInvalid, kUnsupported and kLimit, naming `file`, line and column.
Rules read_gbnf(std::string_view text, const std::string& file);

}  // namespace lathe
