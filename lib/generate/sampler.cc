#include "generate/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/fail.h"
#include "generate/exp_nonpositive.h"
#include "model/portable_math.h"

namespace lathe {
namespace {

// Heavier first, at a tie the lower id.
bool heavier(const WeightedToken& a, const WeightedToken& b) noexcept {
  return a.weight > b.weight || (a.weight == b.weight && a.id < b.id);
}

std::uint64_t total_weight(std::span<const WeightedToken> tokens) noexcept {
  std::uint64_t sum = 0;
  for (const WeightedToken& token : tokens) sum += token.weight;
  return sum;
}

// floor(a · b / 2^64).
std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32;
  const std::uint64_t b0 = b & 0xffffffffu, b1 = b >> 32;
  const std::uint64_t low = a0 * b0;
  const std::uint64_t mid = a1 * b0 + (low >> 32);
  const std::uint64_t mid2 = a0 * b1 + (mid & 0xffffffffu);
  return a1 * b1 + (mid >> 32) + (mid2 >> 32);
}

// The least whole number that is at least share · whole; 0 ≤ share ≤ 1, whole < 2^62.
std::uint64_t share_of(double share, std::uint64_t whole) noexcept {
  return static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(whole)));
}

// Of the heaviest tokens whose weights reach `target` together, the last. `tokens` is reordered.
// Halving by selection: n + n/2 + n/4 + ... steps. The target is at most the total weight.
WeightedToken last_of_mass(std::span<WeightedToken> tokens, std::uint64_t target) noexcept {
  while (tokens.size() > 1) {
    const auto middle = tokens.begin() + static_cast<std::ptrdiff_t>(tokens.size() / 2);
    std::nth_element(tokens.begin(), middle, tokens.end(), heavier);
    const auto upper = std::span<WeightedToken>(tokens.begin(), middle);
    const std::uint64_t mass = total_weight(upper);
    if (mass >= target) {
      tokens = upper;
    } else {
      target -= mass;
      tokens = std::span<WeightedToken>(middle, tokens.end());
    }
  }
  return tokens.front();
}

}  // namespace

void validate(const SamplingOptions& options) {
  const auto check = [](bool good, const char* field, const char* range, auto value) {
    if (!good) fail(ErrorCode::kUsage, "{} {} is out of range: it must be {}", field, value, range);
  };
  check(std::isfinite(options.temperature) && options.temperature >= 0, "temperature",
        "a number ≥ 0", options.temperature);
  check(options.top_k >= 0, "top-k", "≥ 0 (0: off)", options.top_k);
  check(options.top_p >= 0 && options.top_p <= 1, "top-p", "between 0 and 1 (1: off)",
        options.top_p);
  check(options.min_p >= 0 && options.min_p <= 1, "min-p", "between 0 and 1 (0: off)",
        options.min_p);
  check(std::isfinite(options.repeat_penalty) && options.repeat_penalty > 0, "repeat penalty",
        "a number > 0 (1: off)", options.repeat_penalty);
  check(options.repeat_last >= -1, "repeat-last", "≥ -1 (-1: the whole context)",
        options.repeat_last);
}

int weight_bits(std::int64_t vocab_size) noexcept {
  return 62 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(vocab_size)));
}

std::uint64_t token_weight(float x, float max, double temperature, int bits) noexcept {
  // Equality first: ∞ - ∞ would be NaN.
  const double distance = x == max ? 0.0 : (static_cast<double>(x) - max) / temperature;
  const double scaled =
      exp_nonpositive(distance) * static_cast<double>(std::uint64_t{1} << bits) + 0.5;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(scaled));
}

double log_sum_exp(std::span<const float> logits, float max) noexcept {
  const int bits = weight_bits(static_cast<std::int64_t>(logits.size()));
  std::uint64_t sum = 0;
  for (const float x : logits) sum += token_weight(x, max, 1.0, bits);
  const double ratio = static_cast<double>(sum) / static_cast<double>(std::uint64_t{1} << bits);
  return max + portable_log(ratio);
}

Sampler::Sampler(const SamplingOptions& options) : options_(options), generator_(options.seed) {
  validate(options);
}

std::optional<TokenId> Sampler::choose(std::span<const float> logits,
                                       std::span<const TokenId> history) {
  const std::span<const float> x = penalise(logits, history);
  const std::optional<RankedLogit> best = largest(x);
  if (!best) return std::nullopt;
  if (options_.temperature == 0.0) return best->id;

  gather(x, best->value);
  keep_top_p();
  keep_min_p();
  return draw();
}

std::span<const float> Sampler::penalise(std::span<const float> logits,
                                         std::span<const TokenId> history) {
  if (options_.repeat_penalty == 1.0 || options_.repeat_last == 0) return logits;
  if (options_.repeat_last > 0) {
    const auto last = static_cast<std::uint64_t>(options_.repeat_last);
    if (last < history.size()) history = history.last(static_cast<std::size_t>(last));
  }
  penalised_.assign(logits.begin(), logits.end());
  seen_.resize(logits.size());
  const auto in_vocabulary = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < logits.size();
  };
  for (const TokenId id : history) {
    const auto i = static_cast<std::size_t>(id);
    if (!in_vocabulary(id) || std::exchange(seen_[i], char{1}) != 0) continue;
    const double x = penalised_[i];
    const double penalty = options_.repeat_penalty;
    penalised_[i] = static_cast<float>(x > 0 ? x / penalty : x * penalty);
  }
  for (const TokenId id : history) {
    if (in_vocabulary(id)) seen_[static_cast<std::size_t>(id)] = 0;
  }
  return penalised_;
}

void Sampler::gather(std::span<const float> logits, float max) {
  bits_ = weight_bits(static_cast<std::int64_t>(logits.size()));
  candidates_.clear();
  const auto add = [&](std::size_t i) {
    const std::uint64_t weight = token_weight(logits[i], max, options_.temperature, bits_);
    if (weight != 0) candidates_.push_back({static_cast<TokenId>(i), weight});
  };
  const auto size = static_cast<std::int64_t>(logits.size());
  if (options_.top_k == 0 || options_.top_k >= size) {
    candidates_.reserve(logits.size());
    for (std::size_t i = 0; i < logits.size(); ++i) add(i);
    return;
  }
  select_largest(logits, options_.top_k, ranked_);
  std::sort(ranked_.begin(), ranked_.end(),
            [](const RankedLogit& a, const RankedLogit& b) { return a.id < b.id; });
  for (const RankedLogit& ranked : ranked_) add(static_cast<std::size_t>(ranked.id));
}

void Sampler::keep_top_p() {
  if (options_.top_p >= 1.0) return;
  const std::uint64_t target =
      std::max<std::uint64_t>(1, share_of(options_.top_p, total_weight(candidates_)));
  scratch_.assign(candidates_.begin(), candidates_.end());
  const WeightedToken last = last_of_mass(scratch_, target);
  std::erase_if(candidates_, [&](const WeightedToken& token) { return heavier(last, token); });
}

void Sampler::keep_min_p() {
  if (options_.min_p <= 0.0) return;
  const std::uint64_t least = share_of(options_.min_p, std::uint64_t{1} << bits_);
  std::erase_if(candidates_, [&](const WeightedToken& token) { return token.weight < least; });
}

TokenId Sampler::draw() {
  std::uint64_t rest = multiply_high(generator_.next64(), total_weight(candidates_));
  for (const WeightedToken& token : candidates_) {
    if (rest < token.weight) return token.id;
    rest -= token.weight;
  }
  return candidates_.back().id;  // not reached: rest is below the total
}

}  // namespace lathe
