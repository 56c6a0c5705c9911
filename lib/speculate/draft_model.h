// A smaller model that says what probably comes next, greedily, for several sequences side by
// side. It has keys and values of its own; what was drafted in vain leaves them before the next
// draft. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/session.h"

#include "speculate/pass_cost.h"

namespace lathe {

class DraftModel {
 public:
  // Positions of all sequences together; 0: the model's context.
  // Ids below `tokens` are guessed; 0: all that it has.
  DraftModel(std::shared_ptr<const Model> model, int threads, std::int64_t positions,
             std::int64_t tokens);

  // What it holds of one text. The model outlives it.
  class Reader {
   public:
    explicit Reader(DraftModel& model) : model_(model) {}
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Tokens of the text that it would have to read before it can say what follows.
    std::int64_t behind(std::span<const TokenId> text) const noexcept;
    // Whether the model has room for so many more, and has not failed with this text.
    bool can_read(std::span<const TokenId> text, std::int64_t more) const noexcept;

   private:
    friend class DraftModel;
    // Forgets what is not the beginning of the text, and the last token of it.
    void go_back(std::span<const TokenId> text);
    void forget() noexcept;

    DraftModel& model_;
    SequenceId sequence_ = -1;
    std::vector<TokenId> held_;
    bool failed_ = false;
  };

  struct Guess {
    TokenId token = -1;  // -1: none, since the text does not fit any more
    float lead = 0.0f;   // of its logit before the next best
  };
  // The token that follows each text; texts[i] is what readers[i] reads.
  std::vector<Guess> guess(std::span<Reader* const> readers,
                           std::span<const std::span<const TokenId>> texts);

  // Seconds of a pass over so many tokens, as PassCost.
  double cost(std::int64_t rows) const noexcept { return cost_.of(rows); }
  bool is_measured() const noexcept { return measured_; }
  double seconds() const noexcept { return seconds_; }  // so far

 private:
  std::unique_ptr<Session> session_;
  std::int64_t vocab_;   // its logits
  std::int64_t tokens_;  // of them, tokens
  PassCost cost_;
  bool measured_ = false;
  double seconds_ = 0.0;
};

}  // namespace lathe
