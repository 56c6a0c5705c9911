#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace lathe {

bool looks_like_control(std::string_view text) noexcept {
  constexpr std::string_view kWideBar = "\xef\xbd\x9c";  // U+FF5C
  if (text.size() < 5 || text.front() != '<' || text.back() != '>') return false;
  const std::string_view inner = text.substr(1, text.size() - 2);
  return (inner.front() == '|' && inner.back() == '|') ||
         (inner.starts_with(kWideBar) && inner.ends_with(kWideBar));
}

std::vector<TextRange> join_parts(std::span<const TextPart> parts, std::string& text) {
  std::vector<TextRange> trusted;
  for (const TextPart& part : parts) {
    const std::size_t begin = text.size();
    text += part.text;
    if (!part.parse_special || part.text.empty()) continue;
    if (!trusted.empty() && trusted.back().end == begin) {
      trusted.back().end = text.size();
    } else {
      trusted.push_back({begin, text.size()});
    }
  }
  return trusted;
}

bool covers(std::span<const TextRange> ranges, std::size_t begin, std::size_t end) noexcept {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                [](std::size_t at, const TextRange& r) { return at < r.begin; });
  return after != ranges.begin() && end <= std::prev(after)->end;
}

AddedTokens::AddedTokens(std::span<const AddedToken> tokens, bool normalized) {
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized || token.text.empty()) continue;
    trie_.insert(token.text, static_cast<std::int32_t>(tokens_.size()));
    tokens_.push_back(token);
  }
}

std::vector<TextSegment> AddedTokens::split(std::string_view text,
                                            std::span<const TextRange> trusted) const {
  std::vector<TextSegment> out;
  const auto push_text = [&](std::size_t begin, std::size_t end) {
    if (begin < end) out.push_back({text.substr(begin, end - begin), std::nullopt, begin == 0});
  };
  if (trie_.empty()) {
    push_text(0, text.size());
    return out;
  }
  std::size_t done = 0;  // everything before it is in `out`
  std::size_t range = 0;
  TrieWork work(text.size());
  for (std::size_t at = trie_.next_start(text, 0); at < text.size();
       at = trie_.next_start(text, at)) {
    while (range < trusted.size() && trusted[range].end <= at) ++range;
    const std::size_t trusted_end =
        range < trusted.size() && trusted[range].begin <= at ? trusted[range].end : at;
    const auto match = trie_.longest(text.substr(at), [&](std::int32_t index) {
      const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
      return at + token.text.size() <= trusted_end ||
             !(token.special || looks_like_control(token.text));
    });
    work.take(match.walked);
    if (match.size == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match.value)];
    std::size_t begin = at;
    std::size_t end = at + match.size;
    at = end;
    if (token.single_word) {
      std::size_t size = 0;
      if (begin > 0 && is_word_char(char_before(text, begin, size))) continue;
      if (end < text.size() && is_word_char(decode_utf8(text.substr(end)).code)) continue;
    }
    if (token.lstrip) begin -= trailing_space(text.substr(done, begin - done));
    if (token.rstrip) end += leading_space(text.substr(end));
    push_text(done, begin);
    out.push_back({text.substr(begin, end - begin), token.id, begin == 0});
    done = end;
    at = std::max(at, end);
  }
  push_text(done, text.size());
  return out;
}

}  // namespace lathe
