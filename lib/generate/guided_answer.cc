#include "generate/guided_answer.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "lathe/error.h"
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
    : constraint_(constraint.constraint),
      tokenizer_(tokenizer),
      ends_(std::move(ends)),
      finish_(constraint.finish) {
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

std::optional<TokenId> GuidedAnswer::keep_room(TokenId chosen, std::int64_t left) {
  if (!finish_ || left <= 0) return chosen;
  const auto room = static_cast<std::size_t>(left);
  if (guide_ == nullptr) return keep_room_to_think(chosen, room);
  const bool ends = std::ranges::find(ends_, chosen) != ends_.end();
  const bool fits =
      chosen == think_ ? can_think(room - 1) : ends || guide_->ends_within(chosen, room - 1);
  if (fits) return chosen;
  const auto ending = guide_->ending(room);
  if (!ending) return chosen;  // there never was room
  return ending->empty() ? std::nullopt : std::optional<TokenId>(ending->front());
}

// Whether the mark of the answer and the shortest one have a place in so many tokens.
bool GuidedAnswer::can_think(std::size_t left) {
  if (!whole_) {
    const auto ending = Guide(constraint_, false).ending(left);
    whole_ = ending ? ending->size() : std::numeric_limits<std::size_t>::max() / 2;
    mark_ids_ = tokenizer_.encode(answer_mark_, {.add_special = false, .parse_special = true});
  }
  return left >= mark_ids_.size() + *whole_;
}

// What is thought ends where the rest is needed for the answer.
TokenId GuidedAnswer::keep_room_to_think(TokenId chosen, std::size_t left) {
  const bool goes_on = mark_next_ == 0 && can_think(left - 1);
  // Where there never was room, nothing is forced.
  if (goes_on || !(mark_next_ > 0 || can_think(left)) || mark_next_ == mark_ids_.size()) {
    return chosen;
  }
  return mark_ids_[mark_next_++];
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

std::vector<TokenId> GuidedAnswer::tokens_ahead(std::size_t most) const {
  constexpr std::size_t kBytes = 96;
  const std::string text = guide_ != nullptr && most > 0 ? guide_->text_ahead(kBytes) : "";
  if (text.empty()) return {};
  std::vector<TokenId> ids;
  try {
    ids = tokenizer_.encode(text, {.add_special = false, .after_special = true});
  } catch (const Error&) {
    return {};  // a vocabulary without some byte; then masks say what goes
  }
  // Some tokenizers put a space in front.
  std::string_view rest = text;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string_view piece = constraint_->vocabulary().text(ids[i]);
    if (piece.empty() || !rest.starts_with(piece)) {
      ids.resize(i);
      break;
    }
    rest.remove_prefix(piece.size());
  }
  ids.resize(std::min(ids.size(), most));
  return ids;
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
