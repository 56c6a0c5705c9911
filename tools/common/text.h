// What tools that turn a text into tokens have in common.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lathe/tokenizer.h"

#include "common/tool.h"

namespace lathe::tool {

// The whole of a file or of standard input, without the byte order mark that some editors put in
// front of a text. Errors: read_all(); kInvalid for UTF-16.
std::string read_text(const std::string& path);
std::string_view without_byte_order_mark(std::string_view text) noexcept;

// Says what the tokenizer's user should know.
void warn_of(const Tool& tool, const Tokenizer& tokenizer);

// Says when a text begins with the token that is put in front of it anyhow.
void warn_of_two_bos(const Tool& tool, const Tokenizer& tokenizer, std::span<const TokenId> ids);

}  // namespace lathe::tool
