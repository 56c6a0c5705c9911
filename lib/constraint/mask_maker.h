// From a configuration to the tokens that may come.
//
// A token may come if its bytes lead somewhere (recognizer.h). To try all of them would take a walk
// through the whole vocabulary for each configuration. But what a state allows before its rule
// ends depends on the state alone, and not on who uses the rule: that part is computed once for
// each state. Tokens whose bytes pass the rule's end are few; they are remembered by what is left
// of them there, as a tree, and only that tree is walked for each new user.
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
#include "constraint/vocabulary.h"

namespace lathe {

class MaskMaker {
 public:
  MaskMaker(Recognizer& recognizer, const Vocabulary& vocabulary)
      : recognizer_(recognizer), vocabulary_(vocabulary) {}

  std::shared_ptr<const TokenMask> mask(ConfigId id);
  // Of the first token of a text that shows no space at its beginning.
  std::shared_ptr<const TokenMask> mask_at_beginning(ConfigId id);
  // After recognizer.forget(): configurations have other numbers.
  void forget() { masks_.clear(); }
  std::size_t bytes() const noexcept { return bytes_ + masks_.size() * vocabulary_.mask_bytes(); }

 private:
  // A state, and how near its counter is to the loop's bounds.
  using Key = std::tuple<StateId, std::uint32_t, std::uint32_t>;
  // What a state allows by itself.
  struct Local {
    std::unique_ptr<TokenMask> many;  // or
    std::vector<TokenId> few;
    TokenTrie rest;  // of tokens that pass the rule's end
    // They are too many to be taken apart: its rule may end almost anywhere.
    bool ends_anywhere = false;
  };

  // A set of which any text may stand at a place, up to so many characters.
  struct Run {
    RunChars chars;
    std::size_t longest = 0;
  };
  // Whether a state reads any text of a large set; ASCII is looked at, and all others together.
  std::optional<Run> run_of(ConfigId from);
  // Where each character beyond ASCII leads to; nothing where not all lead to the same.
  std::optional<ConfigId> after_others(ConfigId from);

  Key key_of(const Item& item) const noexcept;
  const Local& local(const Item& item);
  // Calls with the tokens of each node that is reached, and with the node itself where
  // what began outside may end.
  template <typename Tokens, typename End>
  void walk(const TokenTrie& trie, ConfigId from, Tokens&& tokens, End&& end);

  Recognizer& recognizer_;
  const Vocabulary& vocabulary_;
  std::unordered_map<ConfigId, std::shared_ptr<const TokenMask>> masks_;
  std::map<Key, std::unique_ptr<Local>> locals_;
  std::vector<ConfigId> path_;
  std::size_t bytes_ = 0;
};

}  // namespace lathe
