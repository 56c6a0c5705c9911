// Languages of characters as deterministic automata: what expressions can't say by themselves,
// the intersection of languages and lengths in characters.
//
// Errors: kLimit where an automaton has more than kMaxStates states. Immutable once made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/char_set.h"
#include "constraint/regex_tree.h"
#include "constraint/rules.h"

namespace lathe {

class CharAutomaton {
 public:
  static constexpr std::size_t kMaxStates = 20000;

  // Of an expression without anchors.
  static CharAutomaton of(const RegexTree& tree);
  // Texts of `min` to `max` characters; kUnbounded is no bound.
  static CharAutomaton of_length(std::uint32_t min, std::uint32_t max);

  // Every text but these.
  static CharAutomaton all_but(const std::vector<std::string>& texts);

  CharAutomaton complement() const;
  CharAutomaton both(const CharAutomaton& other) const;
  // Texts of so many characters only.
  CharAutomaton with_length(std::uint32_t min, std::uint32_t max) const;

  bool accepts(std::string_view text) const;

  // One rule for each state; `end` follows each text. Gives a use of the first.
  NodeId to_rules(Rules& rules, const std::function<NodeId(const CharSet&)>& character,
                  NodeId end) const;

 private:
  struct Edge {
    CharSet chars;
    std::uint32_t target = 0;
  };
  struct State {
    std::vector<Edge> edges;  // of sets that have nothing in common
    bool accepts = false;
  };

  std::vector<State> states_;  // the first is the start
};

}  // namespace lathe
