#include "constraint/char_runs.h"

#include <utility>

#include "base/utf8.h"
#include "constraint/vocabulary.h"

namespace lathe {
namespace {

// Longer ones are among the others.
constexpr std::size_t kLongest = 32;

// Characters of a text that has none but those of the set; 0 for other texts.
std::size_t run_length(std::string_view text, const RunChars& chars) {
  std::size_t length = 0;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!c.valid || (c.code < 128 ? !chars.ascii[c.code] : !chars.others)) return 0;
    text.remove_prefix(c.length);
    ++length;
  }
  return length;
}

}  // namespace

RunChars RunChars::of_json_strings() {
  RunChars out;
  for (std::size_t c = ' '; c < 128; ++c) out.ascii[c] = c != '"' && c != '\\';
  out.others = true;
  return out;
}

CharRuns::CharRuns(const Vocabulary& vocabulary, const RunChars& chars) {
  std::vector<std::vector<TokenId>> by_length(kLongest + 1);
  std::vector<std::pair<std::string_view, TokenId>> others;
  for (std::size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view text = vocabulary.text(id);
    if (text.empty()) continue;
    const std::size_t length = run_length(text, chars);
    if (length == 0 || length > kLongest) {
      others.emplace_back(text, id);
    } else {
      by_length[length].push_back(id);
    }
  }
  rest_ = TokenTrie(std::move(others));
  masks_.emplace_back(vocabulary.size());
  for (std::size_t n = 1; n <= kLongest; ++n) {
    masks_.push_back(masks_.back());
    for (const TokenId id : by_length[n]) masks_.back().set(id);
  }
}

}  // namespace lathe
