// Tokens that are nothing but characters of one set, and the others.
//
// Most tokens of a vocabulary are words, and where a text of any words may stand all of them are
// allowed at once. Immutable.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "constraint/token_mask.h"
#include "constraint/token_trie.h"

namespace lathe {

class Vocabulary;

// ASCII characters of a set, and whether it has all others.
struct RunChars {
  std::bitset<128> ascii;
  bool others = false;
  friend bool operator==(const RunChars&, const RunChars&) = default;

  // What strings of JSON hold as it is.
  static RunChars of_json_strings();
};

class CharRuns {
 public:
  CharRuns(const Vocabulary& vocabulary, const RunChars& chars);

  // Tokens of at most so many characters of the set, and of no others.
  const TokenMask& runs(std::size_t characters) const noexcept {
    return masks_[std::min(characters, masks_.size() - 1)];
  }
  // The tokens that are no such runs, or very long ones.
  const TokenTrie& rest() const noexcept { return rest_; }

 private:
  // By length, 0 to the longest.
  std::vector<TokenMask> masks_;
  TokenTrie rest_;
};

}  // namespace lathe
