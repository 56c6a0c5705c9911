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
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/speculation.h"

#include "speculate/draft_balance.h"
#include "speculate/draft_model.h"
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
  void note(std::int64_t rows, double seconds) noexcept {
    cost_.note(rows, seconds);
    balance_.note_pass(seconds);
  }
  // A sequence has ended: others may copy from it.
  void keep(std::span<const TokenId> text);

  SpeculationStats stats() const noexcept;

 private:
  friend class SequenceDraft;

  // What a number of tokens from the smaller model promises: tokens and seconds of a pass.
  struct Plan {
    std::size_t length = 0;
    double tokens = 0.0, seconds = 0.0;
    bool trial = false;
  };
  // How much of each draft promises most.
  void choose_lengths(std::span<SequenceDraft* const> drafts);
  // Has the smaller model write drafts for those sequences that copies promise less to.
  void write_drafts(std::span<SequenceDraft* const> drafts);
  // Which sequences may get such drafts.
  std::vector<SequenceDraft*> find_writers(std::span<SequenceDraft* const> drafts) const;
  Plan plan_writing(std::span<SequenceDraft* const> writers, std::int64_t rows) const;
  void write(std::vector<SequenceDraft*> writers, const Plan& plan);

  SpeculationOptions options_;
  std::unique_ptr<DraftModel> model_;
  HoldRates model_rates_;       // by how sure it was
  HoldRates model_means_;       // of all that it writes
  std::int64_t unwritten_ = 0;  // passes in a row without it
  std::int64_t patience_ = 0;   // how many there are before it is tried again
  DraftBalance balance_;
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
  explicit SequenceDraft(Speculator::State& speculator);

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
  void copy(std::span<const TokenId> history);
  double rate(std::size_t position) const noexcept;
  double mean_rate() const noexcept;
  // A token that the smaller model wrote.
  void add_written(const DraftModel::Guess& guess);
  void note_written(std::size_t position, bool good) noexcept;
  void clear_draft();

  Speculator::State& speculator_;
  SuffixAutomaton own_;
  SuffixAutomaton::Match in_corpus_, in_earlier_;
  std::size_t earlier_age_ = 0;
  HoldRates rates_ = HoldRates::none();
  std::uint32_t match_ = 0;  // tokens that agree before the draft
  std::vector<TokenId> draft_;
  std::size_t most_ = 0;
  // Of the smaller model:
  std::optional<DraftModel::Reader> reader_;
  std::vector<TokenId> text_;        // the history, and what it wrote behind
  std::size_t history_ = 0;          // tokens of it
  std::vector<std::uint32_t> sure_;  // of each token that it wrote, as HoldRates counts
  bool written_ = false;             // the draft is its own
  HoldRates model_rates_ = HoldRates::none(), model_means_ = HoldRates::none();
};

}  // namespace lathe
