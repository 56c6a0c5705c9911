// Several tokens for one reading of the weights: what probably comes next is drafted, one pass
// computes the logits behind each drafted token, and the draft holds as far as it is what would
// have been chosen without it (Leviathan et al. 2023, "Fast inference from transformers via
// speculative decoding", with drafts that are certain and a sampler that draws by position).
//
// For quantized models (Model::batch_invariant()) logits have the same bits in every batch, so
// answers are those without drafts, greedy and sampled, byte for byte. For float models the last
// bits of logits may differ, as they do between batches.
//
// Drafts are copied from what was read and written before: the sequence itself, answers that ended
// earlier, and texts that are given. A Speculator measures what checking so many tokens costs here
// and how often such drafts hold, and drafts what promises the most tokens per second, which is
// often nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct SpeculationOptions {
  // Texts to copy from, besides what the sequences contain.
  std::vector<std::vector<TokenId>> corpus = {};
  std::int64_t max_draft = 16;  // tokens that are drafted for one sequence at once
};

struct SpeculationStats {
  std::int64_t passes = 0;    // of sequences: each gave one token, and those that held
  std::int64_t drafted = 0;   // tokens
  std::int64_t accepted = 0;  // of those, held
};

// For generate(), a Conversation or an Engine: give it to one of them at a time. Belongs to the
// thread that calls that.
class LATHE_API Speculator {
 public:
  // Throws kUsage for a max_draft that is not 1 to 64.
  explicit Speculator(SpeculationOptions options = {});
  ~Speculator();
  Speculator(const Speculator&) = delete;
  Speculator& operator=(const Speculator&) = delete;

  SpeculationStats stats() const noexcept;

  class State;
  State& state() noexcept { return *state_; }  // for the library

 private:
  std::unique_ptr<State> state_;
};

}  // namespace lathe
