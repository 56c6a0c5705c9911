#include "tokenize/words.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "lathe/host/escape.h"

#include "common/fail.h"

namespace lathe::tool {

void put_piece(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    const std::size_t plain = piece.find_first_of(" \"");
    out += lathe::escape_for_terminal(piece.substr(0, plain), piece.size());
    if (plain == std::string_view::npos) return;
    out += piece[plain] == ' ' ? "\\x20" : "\"";
    piece.remove_prefix(plain + 1);
  }
}

std::vector<TokenId> parse_ids(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,;[]";
  std::vector<TokenId> ids;
  std::size_t at = 0;
  for (;;) {
    at = text.find_first_not_of(kBetween, at);
    if (at == std::string_view::npos) return ids;
    const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size()) {
      tool::fail(ErrorCode::kInvalid, "{} at offset {} is no token id", lathe::quoted(word), at);
    }
    ids.push_back(id);
    at = end;
  }
}

}  // namespace lathe::tool
