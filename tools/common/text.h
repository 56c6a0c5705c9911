// What tools that turn a text into tokens have in common.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "common/tool.h"

namespace lathe::tool {

// The whole of a file or of standard input, without the byte order mark that some editors put in
// front of a text. Errors: read_all(); kInvalid for UTF-16.
std::string read_text(const std::string& path);
std::string_view without_byte_order_mark(std::string_view text) noexcept;

// Without the blanks and line ends that it ends with.
void drop_blanks_behind(std::string& text) noexcept;

// The entries of a file that has one a line; empty lines and those that begin with # say nothing.
// Errors: read_text().
std::vector<std::string> read_list(const std::string& path);

// Says what the tokenizer's user should know.
void warn_of(const Tool& tool, const Tokenizer& tokenizer);

// Says when a text begins with the token that is put in front of it anyhow.
void warn_of_two_bos(const Tool& tool, const Tokenizer& tokenizer, std::span<const TokenId> ids);

}  // namespace lathe::tool
