// Texts as prompts.
#pragma once

#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

// The ids of a text that the model is to continue; an empty one begins a new text with the token
// that does so. `special`: control tokens that are spelled in the text count as such. Throws
// kInvalid when nothing is left to begin with. Thread-safe.
LATHE_API std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text,
                                             bool special = false);

}  // namespace lathe
