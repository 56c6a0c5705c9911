// A template's text as tokens, white space trimmed as chat templates expect it: the first newline
// after a tag goes (trim_blocks), and so does what stands before a tag alone on its line
// (lstrip_blocks). Source: Jinja's template designer documentation, "Whitespace Control".
#pragma once

#include <string>
#include <vector>

#include "tokenizer/jinja/token.h"

namespace lathe::jinja {

// Throws kInvalid, naming the line, for what is no template; valid UTF-8 is the caller's duty.
// The last token is kEnd.
std::vector<Token> tokenize(const std::string& source);

}  // namespace lathe::jinja
