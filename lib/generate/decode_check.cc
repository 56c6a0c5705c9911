// What becomes of an answer that somebody judges. The rest of GenerationState is in decode.cc.
#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lathe/constraint.h"

#include "generate/decode.h"

namespace lathe {
namespace {

// A text in a grammar of GBNF.
std::string gbnf_quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

void GenerationState::pick(std::span<const float> logits) {
  std::span<const float> open = edited(logits);
  choice_ = sampler_.choose(open, history_);
  if (!choice_ && steering_) {
    // What the judge would have is what nobody else allows.
    steering_.reset();
    open = edited(logits);
    choice_ = sampler_.choose(open, history_);
  }
  if (choice_ && judged()) checked_->chose(open, *choice_);
}

void GenerationState::settle(CheckVerdict verdict, double seconds) {
  waits_ = false;
  if (seconds >= 0.0) {
    ++checked_->report()->judged;
    checked_->report()->seconds += seconds;
  }
  const bool greedy = options_.sampling.temperature == 0;
  const CheckedAnswer::Next next = checked_->settle(std::move(verdict), result_, greedy);
  switch (next.kind) {
    case CheckedAnswer::Next::Kind::kGoBack:
      rewrite(next.kept, {});
      steer(next.allowed);
      return;
    case CheckedAnswer::Next::Kind::kTakeBest:
      take_best();
      return;
    case CheckedAnswer::Next::Kind::kGoOn:
      break;
  }
  const bool all = ended_ || !judged();
  if (ended_) finished_ = true;
  release(all ? result_.text.size() : std::min(result_.text.size(), checked_->kept_bytes()));
}

void GenerationState::rewrite(std::size_t kept, std::span<const TokenId> more) {
  const auto prompt = static_cast<std::size_t>(result_.prompt_tokens);
  history_.resize(prompt + kept);
  history_.insert(history_.end(), more.begin(), more.end());
  computed_ = std::min({computed_, prompt + kept, history_.size() - 1});
  const std::span<const TokenId> all(history_);
  result_.ids.assign(all.begin() + static_cast<std::ptrdiff_t>(prompt), all.end());
  if (result_.tokens.size() > kept) result_.tokens.resize(kept);
  result_.text.clear();
  result_.end_token = -1;
  ended_ = false;
  steering_.reset();
  stops_ = StopMatcher(options_.stop);
  if (splitter_) splitter_.emplace(*options_.reasoning);
  if (guided_) guided_.emplace(*options_.constraint, tokenizer_, all.first(prompt), end_tokens_);
  stream_ = tokenizer_.stream(all.first(prompt));
  for (std::size_t i = prompt; i < all.size(); ++i) {
    if (guided_) guided_->accept(all[i], all.first(i + 1));
    result_.text += stops_.push(text_of(all[i]));
  }
  checked_->wrote(kept, result_.text);
}

void GenerationState::take_best() {
  const CheckedAnswer::Attempt& best = checked_->best();
  rewrite(checked_->kept_tokens(), best.ids);
  result_.tokens.insert(result_.tokens.end(), best.tokens.begin(), best.tokens.end());
  release(result_.text.size());
  if (!best.end || finished_) return;
  result_.end_token = best.end->token;
  finish(best.end->reason);
}

void GenerationState::steer(std::span<const std::string> allowed) {
  if (allowed.empty()) return;
  std::string root;
  for (const std::string& text : allowed) root += (root.empty() ? "" : " | ") + gbnf_quote(text);
  const auto grammar =
      Grammar::gbnf("root ::= (" + root + ") .*\n", "what the check server allows");
  auto vocabulary = checked_->check().vocabulary;
  if (vocabulary == nullptr) vocabulary = make_vocabulary(tokenizer_);
  AnswerConstraint constraint;
  constraint.constraint = Constraint::create(grammar, std::move(vocabulary));
  steering_.emplace(constraint, tokenizer_, history_, end_tokens_);
}

void GenerationState::follow_steering(TokenId id) {
  steering_->accept(id, history_);
  if (steering_->complete()) steering_.reset();
}

}  // namespace lathe
