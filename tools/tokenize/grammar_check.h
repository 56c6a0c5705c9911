// tokenize --grammar: which lines a grammar accepts, without a model.
#pragma once

#include <string>

#include "common/tool.h"

namespace lathe::tool {

// A line of output for each of the input: "accepted", or how far it was right. The exit status: 1
// when one was not accepted. Throws kIo, and as Grammar.
int check_lines(const Tool& tool, const std::string& grammar_file);

}  // namespace lathe::tool
