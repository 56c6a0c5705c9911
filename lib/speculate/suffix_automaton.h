// Where a text has been before: the suffix automaton of token texts (Blumer et al. 1985, "The
// smallest automaton recognizing the subwords of a text"), which grows by one token at a time.
//
// A state stands for substrings that end at the same places; its longest has `length` tokens, and
// its link is the state of the longest suffix that ends at more places. Appending takes constant
// time on average; memory is about a hundred bytes a token. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

class SuffixAutomaton {
 public:
  using StateId = std::uint32_t;

  // The end of a text that is read beside the automaton: its longest suffix that occurs here.
  struct Match {
    StateId state = 0;
    std::uint32_t length = 0;
  };

  SuffixAutomaton();

  void append(TokenId token);
  // What is appended from here on continues nothing.
  void begin_text();
  // Of all texts, begin_text()'s included.
  std::size_t size() const noexcept { return text_.size(); }

  // The longest suffix of the present text that occurs elsewhere too.
  Match repeated() const noexcept;
  // The match when the text beside goes on with `token`.
  Match advance(Match match, TokenId token) const noexcept;

  // What followed such a match, at most `most` tokens: where it ended last as far as is known, for
  // repeated() before its present end.
  std::span<const TokenId> after(Match match, std::size_t most) const noexcept;
  // From now on after(repeated()) reads behind the present end.
  void touch() noexcept;

 private:
  struct State {
    std::uint32_t length = 0;
    StateId link = 0;
    std::uint32_t end = 0;        // tokens up to the end of an occurrence
    std::uint32_t edges = kNone;  // the first of its edges
  };
  struct Edge {
    StateId from = 0;
    TokenId token = 0;
    StateId to = 0;
    std::uint32_t next = kNone;  // of the same state
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  StateId add_state(std::uint32_t length, std::uint32_t end);
  // A state that ends where `state` does after `from`, with no more than one token more.
  StateId split(StateId from, TokenId token, StateId state);
  // The edge of a state, or kNone.
  std::uint32_t find(StateId from, TokenId token) const noexcept {
    return table_[slot_of(from, token)];
  }
  void connect(StateId from, TokenId token, StateId to);
  void grow_table();
  std::size_t slot_of(StateId from, TokenId token) const noexcept;

  std::vector<TokenId> text_;
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> table_;  // of edges, by state and token; open addressing
  StateId last_ = 0;
};

}  // namespace lathe
