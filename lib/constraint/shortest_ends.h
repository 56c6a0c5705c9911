// How soon a text can be complete: the fewest bytes from a place of a grammar to the end.
//
// Distances within rules are found once for a program; what they add up to behind a rule's end is
// found for each place at which it began. Belongs to one thread. Errors: as Recognizer.
#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

#include "constraint/recognizer.h"

namespace lathe {

class ShortestEnds {
 public:
  // There is no end, or it was not found: a text that is nested beyond all use.
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  explicit ShortestEnds(Recognizer& recognizer);

  std::uint64_t bytes(ConfigId at);
  // After recognizer.forget(): configurations have other numbers.
  void forget() {
    places_.clear();
    behind_.clear();
  }

 private:
  // Of a loop that counts: the fewest bytes of a round, and from its end to that of the rule.
  struct LoopEnds {
    std::uint64_t round = kNone, behind = kNone;
  };

  void find_distances();
  bool improve(StateId id);
  std::uint64_t cost(const Step& step, std::uint64_t bytes, std::uint32_t loop) const;
  // From a state to the end of its rule.
  std::uint64_t to_end(StateId id, std::uint32_t counter) const;
  // From the end of a rule on.
  std::uint64_t behind(RuleId rule, ConfigId origin, int depth);
  void find_behind(RuleId rule, ConfigId origin, int depth);

  Recognizer& recognizer_;
  const Program& program_;
  // By state: to the end of its rule, or where it is in a loop, of the round.
  std::vector<std::uint64_t> states_;
  std::vector<LoopEnds> loops_;
  std::unordered_map<ConfigId, std::uint64_t> places_;
  std::unordered_map<std::uint64_t, std::uint64_t> behind_;  // by rule and origin
};

}  // namespace lathe
