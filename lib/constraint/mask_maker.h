// From a configuration to the tokens that may come.
//
// A token may come if its bytes lead somewhere (recognizer.h). To try all of them would take a walk
// through the whole vocabulary for each configuration. But what a state allows before its rule
// ends depends on the state alone, and not on who uses the rule: that part is computed once for
// each state. Tokens whose bytes pass the rule's end are few; they are remembered by what is left
// of them there, as trees, and only those are walked for each new user.
//
// A state in a loop that counts depends on the counter only where a token can reach a bound.
//
// Belongs to one thread; the vocabulary outlives it. Errors: as Recognizer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "constraint/recognizer.h"
#include "constraint/token_mask.h"
#include "constraint/token_walk.h"
#include "constraint/vocabulary.h"

namespace lathe {

class MaskMaker {
 public:
  MaskMaker(Recognizer& recognizer, const Vocabulary& vocabulary)
      : recognizer_(recognizer), vocabulary_(vocabulary), walk_(recognizer) {}

  std::shared_ptr<const TokenMask> mask(ConfigId id);
  // Of the first token of a text that shows no space at its beginning.
  std::shared_ptr<const TokenMask> mask_at_beginning(ConfigId id);
  // After recognizer.forget(): configurations have other numbers.
  void forget() {
    masks_.clear();
    beginnings_.clear();
    walk_.forget();
  }
  std::size_t bytes() const noexcept {
    return bytes_ + walk_.bytes() + (masks_.size() + beginnings_.size()) * vocabulary_.mask_bytes();
  }

 private:
  // A state, and how near its counter is to the loop's bounds.
  using Key = std::tuple<StateId, std::uint32_t, std::uint32_t>;
  // What is left of the tokens of a slice that pass a rule's end: a tree of their own, or where
  // they are many at few places, the nodes of the slice below which they are.
  struct Rest {
    const TokenSlice* slice = nullptr;
    TokenTrie trie;
    std::vector<std::uint32_t> nodes;
  };
  // What a state allows by itself.
  struct Local {
    std::unique_ptr<TokenMask> many;  // or
    std::vector<TokenId> few;
    std::vector<Rest> rests;
    // They are too many to be taken apart: its rule may end almost anywhere. Nothing is above.
    bool ends_anywhere = false;
  };
  using Masks = std::unordered_map<ConfigId, std::shared_ptr<const TokenMask>>;

  Key key_of(const Item& item) const noexcept;
  const Local& local(const Item& item);
  void find_local(const Item& item, Local& out);
  // Where each character is a round of a loop that counts, and nothing else: how many may come.
  std::optional<std::size_t> counts_characters(ConfigId from);
  std::shared_ptr<const TokenMask> walk_all(const TokenSlices& slices, ConfigId from);
  void add_rest(const Rest& rest, ConfigId from, TokenMask& mask);

  Recognizer& recognizer_;
  const Vocabulary& vocabulary_;
  TokenWalk walk_;
  Masks masks_, beginnings_;
  std::map<Key, std::unique_ptr<Local>> locals_;
  std::size_t bytes_ = 0;
};

}  // namespace lathe
