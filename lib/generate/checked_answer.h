// What is known of an answer that somebody judges (lathe/answer_check.h): where it may come back
// to, what failed behind that place, and what may not come again.
//
// A passage is what stands behind the last accepted place. Ids and text are the generator's own;
// here are counts, and copies of the best attempt at the passage. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/answer_check.h"
#include "lathe/generate.h"

#include "generate/text_boundaries.h"

namespace lathe {

class CheckedAnswer {
 public:
  // How the answer ended, if an attempt at a passage did.
  struct End {
    FinishReason reason = FinishReason::kStop;
    TokenId token = -1;  // the end token, if one was met
  };
  struct Attempt {
    std::vector<TokenId> ids;            // behind the place
    std::vector<GeneratedToken> tokens;  // theirs, where there are any
    std::optional<End> end;
    std::size_t at = 0;  // where it went wrong, in bytes of the answer's text; 0: unknown
    std::string message;
  };
  // What follows from a verdict.
  struct Next {
    enum class Kind : std::uint8_t { kGoOn, kGoBack, kTakeBest };
    Kind kind = Kind::kGoOn;
    std::size_t kept = 0;                   // kGoBack: tokens of the answer
    std::vector<std::string> allowed = {};  // kGoBack: how its text goes on behind them; or empty
  };

  explicit CheckedAnswer(std::shared_ptr<const AnswerCheck> check);

  const AnswerCheck& check() const noexcept { return *check_; }
  // False once nothing is judged any more.
  bool judges() const noexcept { return judges_; }
  // Of the text, what is certain to stay.
  std::size_t kept_bytes() const noexcept { return bytes_at(place_); }
  // Tokens that are certain to stay.
  std::size_t kept_tokens() const noexcept { return place_; }

  // Whether something may not follow the ids, and forbidding it.
  bool forbids(std::span<const TokenId> ids) const noexcept;
  void forbid(std::span<const TokenId> ids, std::span<float> logits) const noexcept;

  // A token, or the end, was chosen from these logits.
  void chose(std::span<const float> logits, TokenId id);
  // The answer is a token longer: `text` is certain, and as many as `bytes` are there. True: it is
  // to be judged.
  bool took(std::string_view text, std::size_t bytes);
  // It ends, and is to be judged.
  void ended(std::string_view text, End end);

  // What the judge is asked.
  CheckedText question(std::string_view text) const;
  // What it said of this very text: other tokens may spell what was rejected.
  std::optional<CheckVerdict> foregone(const CheckedText& question) const;
  Next settle(CheckVerdict verdict, const Generation& now, bool greedy);
  const Attempt& best() const noexcept { return *best_; }
  // The text was written anew with so many of its tokens.
  void wrote(std::size_t tokens, std::string_view text);

  const std::shared_ptr<CheckReport>& report() const noexcept { return report_; }

 private:
  struct Step {
    float lead = 0.0f;      // of its logit before the best other
    std::size_t bytes = 0;  // of the text with it
  };
  struct Ban {
    std::vector<TokenId> path;  // behind the place
    TokenId id = 0;
  };

  std::size_t bytes_at(std::size_t tokens) const noexcept {
    return tokens == 0 ? 0 : steps_[tokens - 1].bytes;
  }
  float lead(std::size_t choice) const noexcept {
    return choice < steps_.size() ? steps_[choice].lead : lead_;
  }
  bool is_banned_at(const Ban& ban, std::span<const TokenId> ids) const noexcept;
  void accept();
  bool may_try(const CheckVerdict& verdict, const Generation& now);
  Next reject(CheckVerdict verdict, const Generation& now, bool greedy);
  // The choice that holds a byte, if one behind the place does.
  std::optional<std::size_t> choice_at(std::size_t byte) const noexcept;
  // Where the choices end among which the next one to be excluded is.
  std::size_t window() const noexcept;
  // Before `end` the choice that was least sure, if there was another.
  std::optional<std::size_t> least_sure(std::size_t end) const noexcept;
  // Choices so far, the end token's included.
  std::size_t choices() const noexcept {
    return steps_.size() + (end_ && end_->token >= 0 ? 1 : 0);
  }

  std::shared_ptr<const AnswerCheck> check_;
  TextBoundaries boundaries_;
  std::shared_ptr<CheckReport> report_ = std::make_shared<CheckReport>();
  bool judges_ = true;
  std::vector<Step> steps_;   // one per token of the answer
  float lead_ = 0.0f;         // of the last choice
  std::size_t place_ = 0;     // tokens up to the last accepted place
  std::size_t boundary_ = 0;  // bytes of the text that are judged now
  std::optional<End> end_;
  // Of this passage:
  std::int64_t tries_ = 0;    // after the first
  std::int64_t repeats_ = 0;  // of texts that were rejected before
  std::vector<Ban> bans_;
  std::vector<std::pair<CheckedText, CheckVerdict>> rejected_;
  std::optional<Attempt> best_;
};

}  // namespace lathe
