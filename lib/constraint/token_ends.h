// The fewest tokens that complete a text: what --finish writes where the room ends.
//
// Among the ways that need hardly more bytes than the shortest, that with the fewest tokens.
// Belongs to one thread; the vocabulary outlives it. Errors: as Recognizer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "constraint/recognizer.h"
#include "constraint/shortest_ends.h"
#include "constraint/vocabulary.h"

namespace lathe {

class TokenEnds {
 public:
  TokenEnds(Recognizer& recognizer, const Vocabulary& vocabulary)
      : recognizer_(recognizer), vocabulary_(vocabulary), ends_(recognizer) {}

  // Whether at most so many tokens complete the text.
  bool within(ConfigId at, std::size_t most);
  // Those tokens; nothing where more are needed.
  std::optional<std::vector<TokenId>> find(ConfigId at, std::size_t most);
  // After recognizer.forget(): configurations have other numbers.
  void forget() { ends_.forget(); }

 private:
  struct Reached {
    ConfigId at = 0;
    std::uint64_t bytes = 0;  // on the way
    std::size_t from = 0;     // what it was reached from
    TokenId token = -1;
  };

  // By tokens that come nearest to the end, one after the other.
  std::optional<std::vector<TokenId>> straight(ConfigId at, std::size_t most);
  // All ways that are not much longer, by their number of tokens.
  std::optional<std::vector<TokenId>> search(ConfigId at, std::size_t most);
  // Calls for places that one token leads to and from which the end is within `bytes` of `from`.
  template <typename Call>
  void each_step(ConfigId from, std::uint64_t bytes, Call&& call);

  Recognizer& recognizer_;
  const Vocabulary& vocabulary_;
  ShortestEnds ends_;
  std::vector<ConfigId> path_;
};

}  // namespace lathe
