// What a token adds to a text.
#pragma once

#include <string>

#include "lathe/tokenizer.h"

namespace lathe {

// The bytes that a token adds to a text that has begun, perhaps of an unfinished character. Empty
// for control and unknown tokens, and for those that show nothing. Thread-safe.
std::string token_bytes(const Tokenizer& tokenizer, TokenId id);

}  // namespace lathe
