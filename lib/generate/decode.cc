#include "generate/decode.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "generate/common_length.h"
#include "generate/finite_logits.h"
#include "generate/loop.h"
#include "generate/token_weights.h"

namespace lathe {
namespace {

std::vector<TokenId> collect_end_tokens(const Tokenizer& tokenizer, const ModelConfig& config,
                                        const GenerateOptions& options) {
  if (options.ignore_eos) return {};
  std::vector<TokenId> ends = options.end_tokens;
  for (const std::int64_t id : config.eos_tokens) ends.push_back(static_cast<TokenId>(id));
  if (config.eos_tokens.empty() && tokenizer.eos()) ends.push_back(*tokenizer.eos());
  return ends;
}

}  // namespace

GenerationState::GenerationState(const Tokenizer& tokenizer, const ModelConfig& config,
                                 std::int64_t context, std::span<const TokenId> prompt,
                                 GenerateOptions options, TextCallback on_text)
    : options_(std::move(options)),
      on_text_(std::move(on_text)),
      end_tokens_(collect_end_tokens(tokenizer, config, options_)),
      context_(context),
      history_(prompt.begin(), prompt.end()),
      sampler_(options_.sampling),
      tokenizer_(tokenizer),
      stops_(options_.stop) {
  if (options_.shorten && options_.check != nullptr) {
    fail(ErrorCode::kUsage, "an answer that is judged ends where the context does");
  }
  if (std::cmp_greater(history_.size(), context)) shorten();
  check_prompt(history_.size(), context, config.max_position);
  if (options_.max_tokens < -1) {
    fail(ErrorCode::kUsage, "max_tokens {} is out of range: it must be ≥ -1", options_.max_tokens);
  }
  if (options_.logprobs < 0) {
    fail(ErrorCode::kUsage, "logprobs {} is out of range: it must be ≥ 0", options_.logprobs);
  }
  if (options_.reasoning != nullptr) splitter_.emplace(*options_.reasoning);
  if (options_.constraint != nullptr) {
    guided_.emplace(*options_.constraint, tokenizer, history_, end_tokens_);
  }
  stream_ = tokenizer.stream(history_);
  result_.prompt_tokens = std::ssize(history_);
  if (options_.max_tokens == 0) {
    finish(FinishReason::kLength);
  } else if (options_.check != nullptr) {
    checked_.emplace(options_.check);
  }
}

std::span<const TokenId> GenerationState::input() const noexcept {
  return std::span<const TokenId>(history_).subspan(computed_);
}

void GenerationState::choose(std::span<const float> logits) {
  if (result_.ids.empty()) result_.timings.prefill = seconds_since(started_);
  choice_.reset();
  ends_here_ = false;
  finite_ = all_finite(logits);
  if (finite_) pick(logits);
  if (choice_ && guided_ && guided_->finishes()) {
    choice_ = guided_->keep_room(*choice_, room());
    ends_here_ = !choice_;
  }
  if (choice_ && options_.logprobs > 0) chosen_ = describe(logits, *choice_);
}

void GenerationState::advance() {
  const bool first = result_.ids.empty();
  const Clock::time_point now = Clock::now();
  computed_ = history_.size();
  if (ends_here_) {
    finish(FinishReason::kStop);
    return;
  }
  if (!choice_ && finite_) {
    fail_invalid("after {} tokens no token is left to choose from: all are forbidden{}",
                 history_.size(),
                 guided_ ? ", or the vocabulary has none for what the grammar asks for" : "");
  }
  if (!choice_) fail_not_numbers(history_.size());
  const TokenId id = *choice_;
  if (first) {
    first_token_ = now;
    result_.timings.first_token = seconds_between(started_, now);
  }
  result_.timings.decode = seconds_between(first_token_, now);

  if (ends(id)) {
    result_.end_token = id;
    finish(FinishReason::kStop);
    return;
  }
  if (options_.logprobs > 0) result_.tokens.push_back(std::move(chosen_));
  history_.push_back(id);
  result_.ids.push_back(id);
  if (guided_) guided_->accept(id, history_);
  if (steering_) follow_steering(id);
  show(stops_.push(text_of(id)));
  if (finished_) return;
  if (judged()) waits_ = checked_->took(result_.text, result_.text.size() + stops_.held());
  const bool fulfilled = guided_ && guided_->finishes() && guided_->complete() && room() == 0;
  if (stops_.matched() || fulfilled || (guided_ && guided_->over())) {
    finish(FinishReason::kStop);
  } else if (std::cmp_equal(result_.ids.size(), options_.max_tokens)) {
    finish(FinishReason::kLength);
  } else if (std::cmp_greater(history_.size(), context_) && !shorten()) {
    finish(FinishReason::kContext);
  } else if (options_.loop_tokens > 0 && options_.sampling.temperature == 0 &&
             ends_in_loop(result_.ids, options_.loop_tokens)) {
    finish(FinishReason::kLoop);
  }
}

bool GenerationState::shorten() {
  if (!options_.shorten) return false;
  const auto answer = std::min(std::ssize(result_.ids), std::ssize(history_));
  std::vector<TokenId> text = options_.shorten(history_, answer, context_);
  if (text.empty() || std::cmp_greater(text.size(), context_)) return false;
  const std::int64_t shared = std::min(common_length(history_, text), std::ssize(text) - 1);
  computed_ = std::min(computed_, static_cast<std::size_t>(shared));
  history_ = std::move(text);
  ++result_.shortened;
  return true;
}

std::int64_t GenerationState::room() const noexcept {
  const std::int64_t room = context_ - std::ssize(history_) + 1;
  if (options_.max_tokens < 0) return room;
  return std::min(room, options_.max_tokens - std::ssize(result_.ids));
}

std::int64_t GenerationState::draft_room() const noexcept {
  const std::int64_t room = context_ - std::ssize(history_);
  if (options_.max_tokens < 0) return room;
  return std::min(room, options_.max_tokens - std::ssize(result_.ids) - 1);
}

std::vector<TokenId> GenerationState::tokens_ahead(std::int64_t most) const {
  // A grammar whose tokens the model spells otherwise is asked no more.
  constexpr std::size_t kTried = 32;
  const bool held = ahead_ < kTried || 2 * ahead_held_ > ahead_;
  if (!guided_ || !guided_->forbids() || options_.edit_logits || most <= 0 || !held) return {};
  return guided_->tokens_ahead(static_cast<std::size_t>(most));
}

void GenerationState::note_ahead(std::size_t drafted, std::size_t held) noexcept {
  ahead_ += drafted;
  ahead_held_ += held;
  result_.foreseen += static_cast<std::int64_t>(held);
}

void GenerationState::cancel() {
  if (finished_) return;
  result_.reason = FinishReason::kCancelled;
  finished_ = true;
}

Generation GenerationState::take() {
  // Where a stop text was met, what the tokenizer may still hold lies behind it.
  if (stops_.matched()) result_.stop_text = stops_.match();
  if (splitter_) result_.reasoning = splitter_->reasoning();
  if (checked_) result_.check = checked_->report();
  result_.complete = !guided_ || guided_->complete();
  return std::move(result_);
}

bool GenerationState::ends(TokenId id) const noexcept {
  return std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
}

std::span<const float> GenerationState::edited(std::span<const float> logits) {
  const bool guided = guided_ && guided_->forbids();
  const bool banned = judged() && checked_->forbids(result_.ids);
  if (!options_.edit_logits && !guided && !banned && !steering_) return logits;
  edited_.assign(logits.begin(), logits.end());
  if (options_.edit_logits) {
    const std::int64_t before = std::ssize(history_) - std::ssize(result_.ids);
    options_.edit_logits(edited_, {.tokens = history_, .prompt_tokens = std::max(before, {})});
  }
  if (guided) guided_->forbid(edited_);
  if (banned) checked_->forbid(result_.ids, edited_);
  if (steering_) steering_->forbid(edited_);
  return edited_;
}

GeneratedToken GenerationState::describe(std::span<const float> logits, TokenId id) {
  select_largest(logits, options_.logprobs, ranked_);
  // Logits of which none is a number, and a hook that mended them.
  if (ranked_.empty()) return {id, -std::numeric_limits<double>::infinity(), {}};
  std::sort(ranked_.begin(), ranked_.end(), ranks_before);
  const double norm = log_sum_exp(logits, ranked_.front().value);
  GeneratedToken token{id, logits[static_cast<std::size_t>(id)] - norm, {}};
  token.top.reserve(ranked_.size());
  for (const RankedLogit& ranked : ranked_) {
    token.top.push_back({ranked.id, ranked.value - norm});
  }
  return token;
}

std::string GenerationState::text_of(TokenId id) {
  std::string text = stream_->push(id);
  if (!splitter_) return text;
  const bool control = text.empty() && tokenizer_.is_special(id);
  return splitter_->push(text, control ? tokenizer_.piece(id) : std::string());
}

void GenerationState::show(std::string_view text) {
  if (text.empty()) return;
  result_.text += text;
  if (!judged()) release(result_.text.size());
}

void GenerationState::release(std::size_t bytes) {
  if (bytes <= shown_) return;
  const std::size_t from = std::exchange(shown_, bytes);
  if (on_text_ && !on_text_(std::string_view(result_.text).substr(from, bytes - from))) {
    result_.reason = FinishReason::kCancelled;
    finished_ = true;
  }
}

void GenerationState::finish(FinishReason reason) {
  result_.reason = reason;
  if (!stops_.matched()) {
    std::string rest = stream_->finish();
    if (splitter_) rest = splitter_->push(rest, {}) + splitter_->finish();
    show(stops_.push(rest) + stops_.finish());
  }
  if (stops_.matched()) result_.reason = FinishReason::kStop;
  if (judged()) {
    checked_->ended(result_.text, {result_.reason, result_.end_token});
    waits_ = ended_ = true;
  } else {
    finished_ = true;
  }
}

}  // namespace lathe
