#include "generate/checked_answer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/utf8.h"
#include "generate/select.h"

namespace lathe {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kSure = std::numeric_limits<float>::infinity();
// Attempts at a passage that spell a text anew which was rejected cost no try, but are no more.
constexpr std::int64_t kMostRepeats = 64;

// How far a logit leads before the best other.
float lead_of(std::span<const float> logits, TokenId id) {
  const auto at = static_cast<std::size_t>(id);
  float other = kNever;
  for (const auto& rest : {logits.first(at), logits.subspan(at + 1)}) {
    if (const auto best = largest(rest)) other = std::max(other, best->value);
  }
  return other == kNever ? kSure : logits[at] - other;
}

// The start of the character that holds a byte.
std::size_t char_start(std::string_view text, std::size_t byte) {
  while (byte > 0 && byte < text.size() && (static_cast<unsigned char>(text[byte]) & 0xc0) == 0x80)
    --byte;
  return byte;
}

}  // namespace

CheckedAnswer::CheckedAnswer(std::shared_ptr<const AnswerCheck> check)
    : check_(std::move(check)), boundaries_(check_->places) {}

bool CheckedAnswer::is_banned_at(const Ban& ban, std::span<const TokenId> ids) const noexcept {
  const std::span<const TokenId> path = ids.subspan(std::min(place_, ids.size()));
  return std::equal(path.begin(), path.end(), ban.path.begin(), ban.path.end());
}

bool CheckedAnswer::forbids(std::span<const TokenId> ids) const noexcept {
  return std::any_of(bans_.begin(), bans_.end(),
                     [&](const Ban& ban) { return is_banned_at(ban, ids); });
}

void CheckedAnswer::forbid(std::span<const TokenId> ids, std::span<float> logits) const noexcept {
  for (const Ban& ban : bans_) {
    if (is_banned_at(ban, ids)) logits[static_cast<std::size_t>(ban.id)] = kNever;
  }
}

void CheckedAnswer::chose(std::span<const float> logits, TokenId id) {
  lead_ = lead_of(logits, id);
}

bool CheckedAnswer::took(std::string_view text, std::size_t bytes) {
  steps_.push_back({lead_, bytes});
  const std::optional<std::size_t> boundary = boundaries_.follow(text);
  if (!boundary) return false;
  boundary_ = *boundary;
  return true;
}

void CheckedAnswer::ended(std::string_view text, End end) {
  boundary_ = text.size();
  end_ = end;
}

CheckedText CheckedAnswer::question(std::string_view text) const {
  return {check_->before + std::string(text.substr(0, boundary_)), end_.has_value()};
}

std::optional<CheckVerdict> CheckedAnswer::foregone(const CheckedText& question) const {
  for (const auto& [text, verdict] : rejected_) {
    if (text.complete == question.complete && text.text == question.text) return verdict;
  }
  return std::nullopt;
}

CheckedAnswer::Next CheckedAnswer::settle(CheckVerdict verdict, const Generation& now,
                                          bool greedy) {
  using Kind = CheckVerdict::Kind;
  switch (verdict.kind) {
    case Kind::kAccepted:
      accept();
      return {};
    case Kind::kOpen:
      if (!end_) return {};
      if (verdict.message.empty()) verdict.message = "the text is not complete";
      break;
    case Kind::kWrong:
      break;
    case Kind::kBroken:
      report_->failed = std::move(verdict.message);
      judges_ = false;
      return {};
  }
  return reject(std::move(verdict), now, greedy);
}

void CheckedAnswer::accept() {
  std::size_t place = steps_.size();
  while (place > place_ && bytes_at(place) > boundary_) --place;
  if (place == place_) return;
  place_ = place;
  tries_ = repeats_ = 0;
  bans_.clear();
  rejected_.clear();
  best_.reset();
}

CheckedAnswer::Next CheckedAnswer::reject(CheckVerdict verdict, const Generation& now,
                                          bool greedy) {
  const bool may_try = this->may_try(verdict, now);
  const std::size_t before = check_->before.size();
  std::optional<std::size_t> at;
  if (verdict.at && *verdict.at >= before) at = char_start(now.text, *verdict.at - before);
  const std::size_t found_at = at.value_or(0);
  const bool better = !best_ || found_at > best_->at;
  if (better) {
    const std::span<const TokenId> ids(now.ids);
    const std::span<const TokenId> behind = ids.subspan(place_);
    best_ = {{behind.begin(), behind.end()}, {}, end_, found_at, std::move(verdict.message)};
    if (!now.tokens.empty()) {
      best_->tokens.assign(now.tokens.begin() + static_cast<std::ptrdiff_t>(place_),
                           now.tokens.end());
    }
  }
  std::optional<std::size_t> choice = at ? choice_at(*at) : std::nullopt;
  const bool exact = choice && lead(*choice) < kSure;
  if (!exact) choice = least_sure(choice ? *choice : window());
  if (!choice) choice = least_sure(choices());
  if (!choice || !may_try) {
    judges_ = false;
    report_->failed = best_->message.empty() ? "it was not accepted" : best_->message;
    return {better ? Next::Kind::kGoOn : Next::Kind::kTakeBest};
  }
  const std::size_t i = *choice;
  const auto id = i < now.ids.size() ? now.ids[i] : end_->token;
  const auto first = now.ids.begin() + static_cast<std::ptrdiff_t>(place_);
  bans_.push_back({{first, now.ids.begin() + static_cast<std::ptrdiff_t>(i)}, id});
  Next next{Next::Kind::kGoBack, exact || greedy ? i : place_};
  if (exact) {
    const std::size_t begins = std::min(bytes_at(i), now.text.size());
    for (const std::string& text : verdict.allowed) {
      next.allowed.push_back(now.text.substr(begins, *at - begins) + text);
    }
  }
  return next;
}

bool CheckedAnswer::may_try(const CheckVerdict& verdict, const Generation& now) {
  CheckedText text = question(now.text);
  if (foregone(text)) return ++repeats_ <= kMostRepeats;
  ++report_->rejected;
  rejected_.emplace_back(std::move(text), verdict);
  return ++tries_ <= check_->tries;
}

// What is wrong may stand where the model was sure of it: the more attempts have failed, the
// shorter is the beginning of the passage in which the next one parts from the last.
std::size_t CheckedAnswer::window() const noexcept {
  const auto all = static_cast<std::int64_t>(choices() - place_);
  const std::int64_t tries = std::max<std::int64_t>(1, check_->tries);
  const std::int64_t left = std::clamp<std::int64_t>(tries - tries_ + 1, 0, tries);
  return place_ +
         static_cast<std::size_t>(std::max<std::int64_t>(1, (all * left + tries - 1) / tries));
}

std::optional<std::size_t> CheckedAnswer::choice_at(std::size_t byte) const noexcept {
  if (byte < bytes_at(place_)) return std::nullopt;
  for (std::size_t i = place_; i < steps_.size(); ++i) {
    if (byte < steps_[i].bytes) return i;
  }
  if (choices() > steps_.size()) return steps_.size();
  return std::nullopt;
}

std::optional<std::size_t> CheckedAnswer::least_sure(std::size_t end) const noexcept {
  std::optional<std::size_t> found;
  for (std::size_t i = place_; i < end; ++i) {
    if (lead(i) < (found ? lead(*found) : kSure)) found = i;
  }
  return found;
}

void CheckedAnswer::wrote(std::size_t tokens, std::string_view text) {
  report_->dropped_tokens += static_cast<std::int64_t>(steps_.size()) -
                             static_cast<std::int64_t>(std::min(tokens, steps_.size()));
  steps_.resize(std::min(tokens, steps_.size()));
  end_.reset();
  boundaries_.clear();
  boundaries_.follow(text);
}

}  // namespace lathe
