// The constraint of an answer, from where its reasoning ends.
//
// A model that may think begins with its mark or with the answer itself; from the mark on
// everything is allowed until the mark of the end.
#pragma once

#include <memory>
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
  // Goes on with a token that is no end; `text` is all that was said, it included.
  void accept(TokenId id, std::span<const TokenId> text);
  // The text is complete, whether or not more may come.
  bool complete() const noexcept { return guide_ != nullptr && guide_->complete(); }
  // The text is complete, and nothing more may come.
  bool over() const noexcept {
    return guide_ != nullptr && guide_->complete() && !guide_->goes_on();
  }

 private:
  void begin(std::span<const TokenId> text);

  std::shared_ptr<const Constraint> constraint_;
  const Tokenizer& tokenizer_;
  std::vector<TokenId> ends_;
  TokenId think_ = -1;       // begins reasoning, where it may begin
  std::string answer_mark_;  // after which the answer begins; in pieces' spelling
  std::string spoken_;       // the last of what was said while everything is allowed
  std::unique_ptr<Guide> guide_;
  std::vector<float> kept_;  // logits of the ends
};

}  // namespace lathe
