// How much of any text can be read from a state, whatever the text says.
//
// Inside of a string nothing depends on the letters; a token of letters is allowed there without a
// look. What is said of a state holds for it alone, without what waits behind its rule's end. Found
// out when it is first asked for, with all that can be reached from there; belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "constraint/char_kind.h"
#include "constraint/program.h"

namespace lathe {

class OpenStates {
 public:
  // Longer than any token of one kind.
  static constexpr std::uint8_t kEndless = 255;

  // The program outlives it.
  explicit OpenStates(const Program& program)
      : program_(program), lengths_(program.states.size()), known_(program.states.size(), false) {}

  // So many characters of a kind can be read, whichever they are; the state's loop may have to have
  // as many rounds left, and one more.
  std::uint8_t length(StateId state, CharKind kind);

 private:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(CharKind::kNone);
  using Lengths = std::array<std::uint8_t, kKinds>;
  using Pair = std::array<std::uint8_t, 2>;

  const Lengths& known(StateId state);
  void explore(StateId state);
  // What the steps of a state say of it, by what is assumed of the others.
  Lengths evaluate(StateId state) const;
  // 1, and what a step to a target leaves.
  std::uint8_t behind(StateId state, StateId target, std::size_t kind) const;
  // The same by characters beyond ASCII, the least of all; and from inside of one. For kAny and
  // kBeyond.
  Pair beyond_ascii(StateId state) const;
  Pair continued(StateId state, const CharBytes& bytes) const;

  const Program& program_;
  std::vector<Lengths> lengths_;
  std::vector<bool> known_;
};

}  // namespace lathe
