// One request on its way from prompt to answer, as a state machine without a model in it:
//
//   state.input() ──> Session::forward ──> state.accept(logits) ──> ... until finished()
//
// Where somebody judges the answer (lathe/answer_check.h) it waits() now and then: for settle().
// After that, and after an accept() that shortened the text (GenerateOptions::shorten), the
// sequence must hold no more than computed() positions.
//
// generate() drives one state to its end; the engine drives many, giving the inputs of those
// that run to one forward(), in pieces where a prompt is long (a piece that is not the last
// needs no accept()). accept() is choose(), the arithmetic, which several threads may do for as
// many states at once, and advance(), which tells the caller.
//
// Errors: the constructor throws kLimit (prompt longer than the context), kInvalid (empty
// prompt), kUsage (options); advance() kInvalid when the logits are not numbers. Used by one
// thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lathe/generate.h"

#include "generate/checked_answer.h"
#include "generate/guided_answer.h"
#include "generate/reasoning.h"
#include "generate/select.h"
#include "generate/stop_matcher.h"

namespace lathe {

// Tokens that are drafted at once because a constraint leaves no others.
inline constexpr std::int64_t kMostAhead = 12;

class GenerationState {
 public:
  // `context`: positions that the sequence may hold. The tokenizer outlives the state.
  GenerationState(const Tokenizer& tokenizer, const ModelConfig& config, std::int64_t context,
                  std::span<const TokenId> prompt, GenerateOptions options,
                  TextCallback on_text = {});

  bool finished() const noexcept { return finished_; }

  // Ids to append to the sequence before the next accept(): the prompt, then one at a time.
  std::span<const TokenId> input() const noexcept;
  // The first `count` ids of the prompt, fewer than all, are in the sequence already.
  void skip(std::int64_t count) noexcept { computed_ = static_cast<std::size_t>(count); }
  // The prompt and what was generated so far: what the sequence would be recomputed from.
  std::span<const TokenId> history() const noexcept { return history_; }

  // Takes the logits that follow everything that input() has given, and chooses a token.
  void accept(std::span<const float> logits) {
    choose(logits);
    advance();
  }
  void choose(std::span<const float> logits);
  void advance();

  // Tokens that may be drafted behind the next one: more can't come, or have no place.
  std::int64_t draft_room() const noexcept;
  // What probably follows the next token, since the constraint hardly leaves anything else: a draft
  // of at most so many tokens, often none.
  std::vector<TokenId> tokens_ahead(std::int64_t most) const;
  // Of such a draft so many tokens held.
  void note_ahead(std::size_t drafted, std::size_t held) noexcept;
  // As accept(), where behind input() a draft was computed too: takes the rows of logits in turn
  // while what is chosen is what was drafted, calling on_hold() for each draft token that is, and
  // returns how many are. They are in the sequence already.
  template <typename OnHold>
  std::size_t accept_draft(std::span<const float> logits, std::span<const TokenId> draft,
                           OnHold&& on_hold);

  // Nothing is computed for it before settle().
  bool waits() const noexcept { return waits_; }
  // What is asked, and of whom. Only while it waits.
  CheckedText question() const { return checked_->question(result_.text); }
  // The verdict, where nobody needs to be asked.
  std::optional<CheckVerdict> foregone() const { return checked_->foregone(question()); }
  const AnswerCheck& check() const noexcept { return checked_->check(); }
  // Takes the verdict, and goes on, or back; `seconds` are the judge's, less than 0: he was not
  // asked. Throws what on_text does.
  void settle(CheckVerdict verdict, double seconds);
  // Ids of the history whose positions stay.
  std::int64_t computed() const noexcept { return std::ssize(history_) - std::ssize(input()); }

  // Restarts the clock of the timings: the request's turn has come.
  void begin() noexcept { started_ = Clock::now(); }
  // Ends the answer where it is, as a callback that returns false does.
  void cancel();

  // The outcome. Call once, when finished.
  Generation take();

 private:
  using Clock = std::chrono::steady_clock;

  bool ends(TokenId id) const noexcept;
  // The logits as options_.edit_logits and the constraint leave them.
  std::span<const float> edited(std::span<const float> logits);
  GeneratedToken describe(std::span<const float> logits, TokenId id);
  // Tokens that the answer may still get.
  std::int64_t room() const noexcept;
  // Goes on with less text; false: there is no place for more.
  bool shorten();
  // What of the answer's next token is to be shown.
  std::string text_of(TokenId id);
  void show(std::string_view text);
  // Gives the callback so many bytes of the text, less those that it has.
  void release(std::size_t bytes);
  void finish(FinishReason reason);

  bool judged() const noexcept { return checked_ && checked_->judges(); }
  void pick(std::span<const float> logits);
  void follow_steering(TokenId id);
  void steer(std::span<const std::string> allowed);
  // The answer as it was after `kept` tokens, and others behind them.
  void rewrite(std::size_t kept, std::span<const TokenId> more);
  void take_best();

  GenerateOptions options_;
  TextCallback on_text_;
  std::vector<TokenId> end_tokens_;
  std::int64_t context_;
  std::vector<TokenId> history_;
  std::size_t computed_ = 0;  // ids of history_ that are in the sequence
  Sampler sampler_;
  std::vector<float> edited_;  // logits, where somebody changes them
  const Tokenizer& tokenizer_;
  std::optional<GuidedAnswer> guided_;
  std::optional<CheckedAnswer> checked_;
  std::optional<GuidedAnswer> steering_;  // how the text must go on, as a judge says
  bool waits_ = false;
  bool ended_ = false;     // but for the judge
  std::size_t shown_ = 0;  // bytes of the text that the callback has
  std::optional<ReasoningSplitter> splitter_;
  StopMatcher stops_;
  std::unique_ptr<Tokenizer::Stream> stream_;
  std::vector<RankedLogit> ranked_;
  bool finite_ = true;             // the logits that choose() saw
  std::optional<TokenId> choice_;  // made by choose(), for advance()
  bool ends_here_ = false;         // in its place: the constraint's text has to end
  GeneratedToken chosen_;          // the same with its probabilities, where they are wanted
  Generation result_;
  bool finished_ = false;
  std::size_t ahead_ = 0, ahead_held_ = 0;  // tokens that were drafted so, and held
  Clock::time_point started_ = Clock::now();
  Clock::time_point first_token_;
};

template <typename OnHold>
std::size_t GenerationState::accept_draft(std::span<const float> logits,
                                          std::span<const TokenId> draft, OnHold&& on_hold) {
  const std::size_t vocab = logits.size() / (draft.size() + 1);
  for (std::size_t row = 0;; ++row) {
    accept(logits.subspan(row * vocab, vocab));
    if (finished_ || waits_ || row == draft.size() || history_.back() != draft[row]) return row;
    on_hold();
    computed_ = history_.size();
  }
}

}  // namespace lathe
