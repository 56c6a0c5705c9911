// A grammar made ready to be run: for each rule an automaton over bytes and over uses of rules,
// without steps that read nothing.
//
// A repetition with large bounds is not unrolled: its states share a loop, and whoever runs them
// keeps a counter, the number of finished rounds, beside the state. No state is in two loops (an
// inner one has a rule of its own).
//
// Everything in a program leads somewhere: from each state a text can be completed. A use of a rule
// derives at least one byte; where the rule also derives the empty text, the state that uses it
// has what follows, too. Immutable, so thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "constraint/rules.h"

namespace lathe {

using StateId = std::uint32_t;

// When a step may be taken from a state of a loop with `count` finished rounds.
enum class When : std::uint8_t {
  kAlways,
  kRoundFollows,  // this ends a round, and another is allowed
  kLoopEnds,      // this ends a round, and there were enough
};
// What becomes of the counter.
enum class Then : std::uint8_t { kKeep, kCount, kReset };

struct Step {
  StateId target = 0;
  When when = When::kAlways;
  Then then = Then::kKeep;
  friend auto operator<=>(const Step&, const Step&) = default;
};

struct ByteStep {
  std::uint8_t low = 0, high = 0;
  Step step;
  friend auto operator<=>(const ByteStep&, const ByteStep&) = default;
};

struct UseStep {
  RuleId rule = 0;    // of the program
  bool last = false;  // nothing follows: the rule may end in this one's place
  Step step;
  friend auto operator<=>(const UseStep&, const UseStep&) = default;
};

struct Loop {
  std::uint32_t min = 0, max = 0;
};

struct State {
  std::uint32_t bytes = 0, byte_count = 0;  // in Program::byte_steps
  std::uint32_t uses = 0, use_count = 0;    // in Program::use_steps
  std::uint32_t loop = 0;                   // 0: none
  bool accepts = false, accepts_at_loop_end = false;

  bool goes_on() const noexcept { return byte_count + use_count > 0; }
};

struct Program {
  std::vector<State> states;
  std::vector<ByteStep> byte_steps;
  std::vector<UseStep> use_steps;
  std::vector<Loop> loops;       // loops[0] is none
  std::vector<StateId> starts;   // by rule; the first is the root
  bool accepts_empty = false;    // the root does
  bool derives_nothing = false;  // no text is derived at all
  // Bytes that no state tells apart are one class.
  std::array<std::uint8_t, 256> class_of{};
  std::uint32_t classes = 1;

  std::span<const ByteStep> bytes(const State& s) const noexcept {
    return std::span(byte_steps).subspan(s.bytes, s.byte_count);
  }
  std::span<const UseStep> uses(const State& s) const noexcept {
    return std::span(use_steps).subspan(s.uses, s.use_count);
  }
  bool allows(When when, StateId from, std::uint32_t count) const noexcept {
    if (when == When::kAlways) return true;
    const Loop& loop = loops[states[from].loop];
    return when == When::kRoundFollows ? loop.max == kUnbounded || count + 1 < loop.max
                                       : count + 1 >= loop.min;
  }
  std::uint32_t counter(Then then, StateId from, std::uint32_t count) const noexcept {
    if (then == Then::kKeep) return count;
    if (then == Then::kReset) return 0;
    const Loop& loop = loops[states[from].loop];
    // Beyond what is needed an endless loop need not count.
    return loop.max == kUnbounded && count + 1 > loop.min ? loop.min : count + 1;
  }
  // Whether a step may be taken.
  bool goes_on(StateId id, std::uint32_t count) const noexcept {
    const State& s = states[id];
    if (s.loop == 0) return s.goes_on();
    const auto allowed = [&](const auto& step) { return allows(step.step.when, id, count); };
    return std::ranges::any_of(bytes(s), allowed) || std::ranges::any_of(uses(s), allowed);
  }
  bool accepts(StateId id, std::uint32_t count) const noexcept {
    const State& s = states[id];
    return s.accepts || (s.accepts_at_loop_end && allows(When::kLoopEnds, id, count));
  }
};

// Throws kLimit where the grammar becomes too large.
Program compile(const Rules& rules);

}  // namespace lathe
