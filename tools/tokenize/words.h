// Pieces and ids as words of a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe::tool {

// Appends a piece: spaces, the backslash and what a terminal would obey are escaped.
void put_piece(std::string_view piece, std::string& out);

// Ids between anything that separates numbers: spaces, commas, line breaks, brackets. Throws
// kInvalid, naming the word that is none.
std::vector<TokenId> parse_ids(std::string_view text);

}  // namespace lathe::tool
