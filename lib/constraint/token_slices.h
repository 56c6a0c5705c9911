// The tokens of a vocabulary, apart by the kinds of their characters.
//
// A slice has the tokens of one kind, or those that are a space and text of one kind, as a tree of
// its own: where a walk comes to a place at which any text of the kind may stand, everything below
// is allowed without a look. Immutable.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/char_kind.h"
#include "constraint/token_mask.h"
#include "constraint/token_trie.h"

namespace lathe {

struct TokenSlice {
  CharKind kind = CharKind::kNone;
  bool spaced = false;  // behind a space
  TokenTrie trie;
  TokenMask all;
};

class TokenSlices {
 public:
  using Text = std::pair<std::string_view, TokenId>;

  TokenSlices() = default;
  // `size` of the vocabulary. No text is empty.
  TokenSlices(std::span<const Text> texts, std::size_t size);

  std::span<const TokenSlice> slices() const noexcept { return slices_; }
  // Tokens of at most so many characters, all of kAny; longer ones than kLongest, of which there
  // are few, are in no slice but that of kNone.
  const TokenMask& runs(std::size_t characters) const noexcept {
    return runs_[std::min(characters, runs_.size() - 1)];
  }
  // Of all slices but that of kNone.
  const TokenMask& all_runs() const noexcept { return runs_.back(); }
  std::size_t depth() const noexcept { return depth_; }  // bytes of the longest text

 private:
  static constexpr std::size_t kLongest = 32;

  std::vector<TokenSlice> slices_;
  std::vector<TokenMask> runs_;
  std::size_t depth_ = 0;
};

}  // namespace lathe
