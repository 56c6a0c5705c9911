// What drafts, for the loops that decode (lathe/speculation.h says why):
//
//   SequenceDraft& draft = ...                     one per sequence that decodes
//   draft.follow(history)                          what the sequence holds now
//   speculator.plan(drafts)                        every draft()'s length, for one pass
//   ... a pass over each sequence's next token and its draft() ...
//   draft.settle(held); speculator.note(rows, seconds)
//
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/speculation.h"

#include "speculate/hold_rates.h"
#include "speculate/pass_cost.h"
#include "speculate/suffix_automaton.h"

namespace lathe {

class SequenceDraft;

class Speculator::State {
 public:
  explicit State(SpeculationOptions options);

  // Sets how much of each draft one pass checks: what promises the most tokens per second. The
  // drafts are of all sequences that decode in the pass.
  void plan(std::span<SequenceDraft* const> drafts);
  // A pass of decoding sequences over so many rows, drafted ones included, took so long.
  void note(std::int64_t rows, double seconds) noexcept { cost_.note(rows, seconds); }
  // A sequence has ended: others may copy from it.
  void keep(std::span<const TokenId> text);

  const SpeculationStats& stats() const noexcept { return stats_; }

 private:
  friend class SequenceDraft;

  SpeculationOptions options_;
  SuffixAutomaton corpus_;       // the options' texts
  SuffixAutomaton earlier_;      // sequences that have ended
  std::size_t earlier_age_ = 0;  // times that it was begun anew
  HoldRates rates_;
  PassCost cost_;
  std::int64_t plain_passes_ = 0;  // in a row, where there would have been drafts
  SpeculationStats stats_;
};

class SequenceDraft {
 public:
  explicit SequenceDraft(Speculator::State& speculator) : speculator_(speculator) {}

  // `history` is what the sequence holds or will, of which it has seen a beginning before. At most
  // `most` tokens can be drafted behind it.
  void follow(std::span<const TokenId> history, std::int64_t most);
  // What is drafted behind the history; after plan() as much of it as is to be checked.
  std::span<const TokenId> tokens() const noexcept { return draft_; }
  // So many of tokens() were what came.
  void settle(std::int64_t held) noexcept;

 private:
  friend class Speculator::State;

  std::uint32_t agreed(std::size_t position) const noexcept {
    return match_ + static_cast<std::uint32_t>(position);
  }
  double rate(std::size_t position) const noexcept {
    return speculator_.rates_.rate(agreed(position), &rates_);
  }

  Speculator::State& speculator_;
  SuffixAutomaton own_;
  SuffixAutomaton::Match in_corpus_, in_earlier_;
  std::size_t earlier_age_ = 0;
  HoldRates rates_ = HoldRates::none();
  std::uint32_t match_ = 0;  // tokens that agree before the draft
  std::vector<TokenId> draft_;
};

}  // namespace lathe
