#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace lathe {

AddedToken read_added_token(std::string text, const JsonView& flags) {
  AddedToken token;
  token.text = std::move(text);
  token.special = flags.get_bool("special").value_or(false);
  token.lstrip = flags.get_bool("lstrip").value_or(false);
  token.rstrip = flags.get_bool("rstrip").value_or(false);
  token.single_word = flags.get_bool("single_word").value_or(false);
  token.normalized = flags.get_bool("normalized").value_or(!token.special);
  return token;
}

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

// Matches at places of one text, as far as they are allowed there.
class AddedTokens::Search {
 public:
  Search(const AddedTokens& all, std::string_view text, std::span<const TextRange> trusted)
      : all_(all), text_(text), trusted_(trusted), work_(text.size()) {}

  std::string_view text() const noexcept { return text_; }

  // The longest token at `at` that ends at `end` at the latest; of size 0 when there is none.
  Place longest(std::size_t at, std::size_t end) {
    const auto after =
        std::upper_bound(trusted_.begin(), trusted_.end(), at,
                         [](std::size_t place, const TextRange& r) { return place < r.begin; });
    const std::size_t trusted_end =
        after == trusted_.begin() ? at : std::max(at, std::prev(after)->end);
    const auto match = all_.trie_.longest(text_.substr(at, end - at), [&](std::int32_t index) {
      const AddedToken& token = all_.tokens_[static_cast<std::size_t>(index)];
      return at + token.text.size() <= trusted_end ||
             !(token.special || looks_like_control(token.text));
    });
    work_.take(match.walked);
    return {at, match.size, match.value};
  }

 private:
  const AddedTokens& all_;
  std::string_view text_;
  std::span<const TextRange> trusted_;
  TrieWork work_;
};

AddedTokens::AddedTokens(std::span<const AddedToken> tokens, bool normalized, bool longest_first)
    : longest_first_(longest_first) {
  for (const AddedToken& token : tokens) {
    if (token.normalized != normalized || token.text.empty()) continue;
    trie_.insert(token.text, static_cast<std::int32_t>(tokens_.size()));
    tokens_.push_back(token);
  }
}

bool AddedTokens::stands_alone(std::string_view text, const Place& place) const {
  const std::size_t end = place.begin + place.size;
  std::size_t size = 0;
  if (place.begin > 0 && is_word_char(char_before(text, place.begin, size))) return false;
  return end == text.size() || !is_word_char(decode_utf8(text.substr(end)).code);
}

std::vector<AddedTokens::Place> AddedTokens::longest_places(Search& search) const {
  const std::string_view text = search.text();
  const auto later = [](const Place& a, const Place& b) {
    return a.size != b.size ? a.size < b.size : a.begin > b.begin;
  };
  std::vector<Place> open;
  for (std::size_t at = trie_.next_start(text, 0); at < text.size();
       at = trie_.next_start(text, at + 1)) {
    if (const Place place = search.longest(at, text.size()); place.size > 0) open.push_back(place);
  }
  std::make_heap(open.begin(), open.end(), later);
  std::map<std::size_t, Place> taken;  // by where they begin
  while (!open.empty()) {
    std::pop_heap(open.begin(), open.end(), later);
    Place place = open.back();
    open.pop_back();
    const auto next = taken.lower_bound(place.begin);
    if (next != taken.begin()) {
      const Place& before = std::prev(next)->second;
      if (before.begin + before.size > place.begin) continue;
    }
    if (next == taken.end() || place.begin + place.size <= next->first) {
      taken.emplace_hint(next, place.begin, place);
    } else if (next->first > place.begin) {
      place = search.longest(place.begin, next->first);
      if (place.size == 0) continue;
      open.push_back(place);
      std::push_heap(open.begin(), open.end(), later);
    }
  }
  std::vector<Place> out;
  out.reserve(taken.size());
  for (const auto& [begin, place] : taken) out.push_back(place);
  return out;
}

std::vector<TextSegment> AddedTokens::split_longest(Search& search) const {
  const std::string_view text = search.text();
  std::vector<TextSegment> out;
  std::size_t done = 0;
  for (const Place& place : longest_places(search)) {
    if (place.begin < done) continue;
    const AddedToken& token = tokens_[static_cast<std::size_t>(place.index)];
    if (done < place.begin) {
      out.push_back({text.substr(done, place.begin - done), std::nullopt, done == 0});
    }
    out.push_back({text.substr(place.begin, place.size), token.id, place.begin == 0});
    done = place.begin + place.size;
    if (token.rstrip) done += leading_space(text.substr(done));
  }
  if (done < text.size()) out.push_back({text.substr(done), std::nullopt, done == 0});
  return out;
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
  Search search(*this, text, trusted);
  if (longest_first_) return split_longest(search);
  std::size_t done = 0;  // everything before it is in `out`
  for (std::size_t at = trie_.next_start(text, 0); at < text.size();
       at = trie_.next_start(text, at)) {
    const Place place = search.longest(at, text.size());
    if (place.size == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(place.index)];
    std::size_t begin = at;
    std::size_t end = at + place.size;
    at = end;
    if (token.single_word && !stands_alone(text, place)) continue;
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
