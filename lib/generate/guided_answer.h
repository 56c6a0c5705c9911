// The constraint of an answer, from where its reasoning ends.
//
// A model that may think begins with its mark or with the answer itself; from the mark on
// everything is allowed until the mark of the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/constraint.h"
#include "lathe/tokenizer.h"

#include "constraint/guide.h"

namespace lathe {

class GuidedAnswer {
 public:
  // `ends`: the tokens that end an answer. `prompt` is what was said so far.
  GuidedAnswer(const AnswerConstraint& constraint, const Tokenizer& tokenizer,
               std::span<const TokenId> prompt, std::vector<TokenId> ends);

  // Whether some tokens are forbidden now.
  bool forbids() const noexcept { return guide_ != nullptr; }
  // Makes the logits of forbidden tokens -infinity. Throws kLimit.
  void forbid(std::span<float> logits);
  // With AnswerConstraint::finish: what is to come in the place of a token that was chosen, so that
  // the text can be complete with `left` tokens from this one on; nothing where it is complete and
  // has to end. Throws kLimit.
  std::optional<TokenId> keep_room(TokenId chosen, std::int64_t left);
  bool finishes() const noexcept { return finish_; }
  // Whether the text is all that the constraint asks for.
  bool complete() const noexcept { return guide_ != nullptr && guide_->complete(); }
  // Goes on with a token that is no end; `text` is all that was said, it included.
  void accept(TokenId id, std::span<const TokenId> text);
  // Tokens that probably come next, since the grammar hardly leaves others.
  std::vector<TokenId> tokens_ahead(std::size_t most) const;
  // The text is complete, and nothing more may come.
  bool over() const noexcept {
    return guide_ != nullptr && guide_->complete() && !guide_->goes_on();
  }

 private:
  void begin(std::span<const TokenId> text);
  bool can_think(std::size_t left);
  TokenId keep_room_to_think(TokenId chosen, std::size_t left);

  std::shared_ptr<const Constraint> constraint_;
  const Tokenizer& tokenizer_;
  std::vector<TokenId> ends_;
  TokenId think_ = -1;       // begins reasoning, where it may begin
  std::string answer_mark_;  // after which the answer begins; in pieces' spelling
  std::string spoken_;       // the last of what was said while everything is allowed
  std::unique_ptr<Guide> guide_;
  std::vector<float> kept_;  // logits of the ends
  bool finish_;
  std::vector<TokenId> mark_ids_;     // of answer_mark_, with finish_
  std::size_t mark_next_ = 0;         // of those, where the answer has to begin
  std::optional<std::size_t> whole_;  // tokens of the shortest answer; huge where none is
};

}  // namespace lathe
