// Tokens that are matched as whole strings before the model sees the text: control tokens
// such as "<|eot|>" and user-defined ones.
//
// Semantics follow Hugging Face's `tokenizers`: leftmost, longest match; lstrip and rstrip
// swallow the white space beside the match; single_word wants no word character beside it.
// Readers of GGUF take the longest token anywhere first, then the next longest in what is left;
// this differs where tokens overlap.
// Immutable after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/tokenizer.h"

#include "base/json.h"
#include "tokenizer/byte_trie.h"

namespace lathe {

struct AddedToken {
  std::string text;
  TokenId id = 0;
  bool special = false;  // left out of decoded text
  bool lstrip = false;
  bool rstrip = false;
  bool single_word = false;
  bool normalized = false;  // matched after normalization
};

// With the flags that an object of a file gives it; the id is the caller's.
AddedToken read_added_token(std::string text, const JsonView& flags);

// Spelled as control tokens are ("<|user|>", "<｜User｜>"), whatever its flags say: files are
// careless with `special`, and such a token must not be forged by a user either.
bool looks_like_control(std::string_view text) noexcept;

struct TextSegment {
  std::string_view text;
  std::optional<TokenId> token;  // an added token, or text when absent
  bool at_start = false;         // nothing of the whole text stands before it
};

// Where control tokens may be recognised: sorted, disjoint intervals of the text.
struct TextRange {
  std::size_t begin = 0, end = 0;
};

// The parts as one text; the ranges of those that may hold control tokens.
std::vector<TextRange> join_parts(std::span<const TextPart> parts, std::string& text);

// Does one of `ranges` hold all of [begin, end)?
bool covers(std::span<const TextRange> ranges, std::size_t begin, std::size_t end) noexcept;

class AddedTokens {
 public:
  // Tokens whose `normalized` is another are left out of this matcher.
  AddedTokens(std::span<const AddedToken> tokens, bool normalized, bool longest_first = false);
  AddedTokens() = default;

  bool empty() const noexcept { return trie_.empty(); }

  // Cuts `text`. Control tokens count only inside one of `trusted`. Throws kLimit when tokens that
  // begin alike are looked for in vain too many times.
  std::vector<TextSegment> split(std::string_view text, std::span<const TextRange> trusted) const;

 private:
  struct Place {
    std::size_t begin, size;
    std::int32_t index;  // in tokens_
  };
  class Search;
  std::vector<Place> longest_places(Search& search) const;
  std::vector<TextSegment> split_longest(Search& search) const;
  bool stands_alone(std::string_view text, const Place& place) const;

  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
  bool longest_first_ = false;
};

}  // namespace lathe
