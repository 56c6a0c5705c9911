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
// earlier, and texts that are given; or a smaller model of the same vocabulary writes them. A
// Speculator measures what drafting and checking so many tokens costs here and how often such
// drafts hold, by where they come from, and drafts what promises the most tokens per second, which
// is often nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

class Model;

struct SpeculationOptions {
  bool copies = true;
  // Texts to copy from, besides what the sequences contain.
  std::vector<std::vector<TokenId>> corpus = {};
  std::int64_t max_draft = 16;  // tokens that are drafted for one sequence at once
  // Drafts too; its tokens are those of the model (check_same_tokens()). May be null.
  std::shared_ptr<const Model> draft = {};
  int draft_threads = 0;             // 0: available_cpus()
  std::int64_t draft_positions = 0;  // that it holds of all sequences; 0: its context
  std::int64_t draft_tokens = 0;     // ids below this are drafted; 0: all that it has
};

struct SpeculationStats {
  std::int64_t passes = 0;    // of sequences: each gave one token, and those that held
  std::int64_t drafted = 0;   // tokens
  std::int64_t accepted = 0;  // of those, held
  // Of both, what the smaller model wrote, checked or not, and the seconds that it took.
  std::int64_t model_drafted = 0, model_accepted = 0;
  double model_seconds = 0.0;
};

// Throws kInvalid unless two vocabularies have the same tokens; `draft_name` is in the message.
LATHE_API void check_same_tokens(const Tokenizer& model, const Tokenizer& draft,
                                 const std::string& draft_name);

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
