#include "generate/guided_answer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "lathe/reasoning.h"

#include "constraint/vocabulary.h"

namespace lathe {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Whether the next token's space would not be shown, as at the beginning of a text.
bool loses_space(const Tokenizer& tokenizer, std::span<const TokenId> text, TokenId spaced) {
  if (spaced < 0) return false;
  const std::unique_ptr<Tokenizer::Stream> stream = tokenizer.stream(text);
  std::string shown = stream->push(spaced);
  shown += stream->finish();
  return !shown.starts_with(' ');
}

}  // namespace

GuidedAnswer::GuidedAnswer(const AnswerConstraint& constraint, const Tokenizer& tokenizer,
                           std::span<const TokenId> prompt, std::vector<TokenId> ends)
    : constraint_(constraint.constraint), tokenizer_(tokenizer), ends_(std::move(ends)) {
  const ReasoningMarks* marks = constraint.reasoning.get();
  if (marks != nullptr && !marks->answer.empty()) {
    answer_mark_ = marks->answer;
    return;
  }
  const std::optional<TokenId> first = marks ? tokenizer.token_id(marks->begin) : std::nullopt;
  if (first && tokenizer.token_id(marks->end)) {
    answer_mark_ = marks->end;
    if (marks->open) return;
    think_ = *first;
  }
  begin(prompt);
}

void GuidedAnswer::begin(std::span<const TokenId> text) {
  const bool begins = loses_space(tokenizer_, text, constraint_->vocabulary().spaced());
  guide_ = std::make_unique<Guide>(constraint_, begins);
}

void GuidedAnswer::forbid(std::span<float> logits) {
  kept_.clear();
  const auto is_logit = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < logits.size();
  };
  const auto logit = [&](TokenId id) -> float& { return logits[static_cast<std::size_t>(id)]; };
  for (const TokenId id : ends_) kept_.push_back(is_logit(id) ? logit(id) : kNever);
  const float think = is_logit(think_) ? logit(think_) : kNever;
  guide_->mask().apply(logits);
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    if (is_logit(ends_[i])) logit(ends_[i]) = guide_->complete() ? kept_[i] : kNever;
  }
  if (is_logit(think_)) logit(think_) = think;
}

void GuidedAnswer::accept(TokenId id, std::span<const TokenId> text) {
  if (guide_ != nullptr) {
    if (id == think_) {
      guide_.reset();
    } else {
      guide_->accept(id);
    }
    think_ = -1;  // after the first token only
    return;
  }
  spoken_ += tokenizer_.piece(id);
  if (spoken_.ends_with(answer_mark_)) {
    begin(text);
    return;
  }
  const std::size_t enough = 4 * answer_mark_.size();
  if (spoken_.size() > 2 * enough) spoken_.erase(0, spoken_.size() - enough);
}

}  // namespace lathe
