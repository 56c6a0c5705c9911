// lathe/sampler.h says what is computed, this says how.
//
// The candidates stay in the order of their ids, each with an integer weight; a filter sets the
// weights of what it drops to 0. Borders are found by selection: top-k by select.h, top-p by a
// histogram of the weights' sizes and a partition of the one bucket where the border lies.
// Nothing sorts the vocabulary, and the draw's walk has the same order everywhere.
#include "lathe/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "base/pcg.h"
#include "generate/select.h"
#include "generate/token_weights.h"

namespace lathe {
namespace {

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

// Heavier first, at a tie the lower index, which is the lower id.
constexpr auto heavier = [](const auto& a, const auto& b) {
  return a.weight > b.weight || (a.weight == b.weight && a.index < b.index);
};

// Of the heaviest candidates whose weights reach `target` together, the last; target is at most
// their total. Reorders them. Halving by selection: n + n/2 + n/4 + ... steps.
template <typename Candidate>
Candidate last_of_mass(std::span<Candidate> candidates, std::uint64_t target) noexcept {
  while (candidates.size() > 1) {
    const std::size_t half = candidates.size() / 2;
    const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(half);
    std::nth_element(candidates.begin(), middle, candidates.end(), heavier);
    std::uint64_t mass = 0;
    for (const Candidate& candidate : candidates.first(half)) mass += candidate.weight;
    if (mass >= target) {
      candidates = candidates.first(half);
    } else {
      target -= mass;
      candidates = candidates.subspan(half);
    }
  }
  return candidates.front();
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

class Sampler::State {
 public:
  explicit State(const SamplingOptions& options) : options_(options), generator_(options.seed) {}

  std::optional<TokenId> choose(std::span<const float> logits, std::span<const TokenId> history);

 private:
  std::span<const float> penalise(std::span<const float> logits, std::span<const TokenId> history);
  void weigh(std::span<const float> logits, float max);
  void keep_top_p();
  void keep_min_p();
  TokenId draw();

  SamplingOptions options_;
  Pcg32 generator_;
  int bits_ = 0;
  std::vector<float> penalised_;
  std::vector<char> seen_;  // one per token of the vocabulary
  std::vector<RankedLogit> ranked_;
  std::vector<float> kept_;             // logits that top-k keeps
  std::vector<std::uint64_t> weights_;  // of the candidates, by id
  std::vector<TokenId> ids_;            // theirs; empty: candidate i is token i
  struct Candidate {
    std::uint64_t weight;
    std::size_t index;
  };
  std::vector<Candidate> bucket_;
};

Sampler::Sampler(const SamplingOptions& options) {
  validate(options);
  state_ = std::make_unique<State>(options);
}

Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

std::optional<TokenId> Sampler::choose(std::span<const float> logits,
                                       std::span<const TokenId> history) {
  return state_->choose(logits, history);
}

std::optional<TokenId> Sampler::State::choose(std::span<const float> logits,
                                              std::span<const TokenId> history) {
  const std::span<const float> x = penalise(logits, history);
  const std::optional<RankedLogit> best = largest(x);
  if (!best) return std::nullopt;
  if (options_.temperature == 0.0) return best->id;

  weigh(x, best->value);
  keep_top_p();
  keep_min_p();
  return draw();
}

std::span<const float> Sampler::State::penalise(std::span<const float> logits,
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

void Sampler::State::weigh(std::span<const float> logits, float max) {
  const auto size = static_cast<std::int64_t>(logits.size());
  bits_ = weight_bits(size);
  ids_.clear();
  if (options_.top_k > 0 && options_.top_k < size) {
    select_largest(logits, options_.top_k, ranked_);
    std::sort(ranked_.begin(), ranked_.end(),
              [](const RankedLogit& a, const RankedLogit& b) { return a.id < b.id; });
    kept_.clear();
    for (const RankedLogit& ranked : ranked_) {
      ids_.push_back(ranked.id);
      kept_.push_back(ranked.value);
    }
    logits = kept_;
  }
  weights_.resize(logits.size());
  token_weights(logits, max, options_.temperature, bits_, weights_.data());
}

void Sampler::State::keep_top_p() {
  if (options_.top_p >= 1.0) return;
  // By the number of bits of a weight, as many buckets as there can be.
  std::array<std::uint64_t, 64> mass{};
  for (const std::uint64_t weight : weights_) {
    mass[static_cast<std::size_t>(std::bit_width(weight))] += weight;
  }
  const std::uint64_t total = std::accumulate(mass.begin(), mass.end(), std::uint64_t{0});
  std::uint64_t target = std::max<std::uint64_t>(1, share_of(options_.top_p, total));
  std::size_t width = mass.size() - 1;
  while (mass[width] < target) target -= mass[width--];

  bucket_.clear();
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (static_cast<std::size_t>(std::bit_width(weights_[i])) == width) {
      bucket_.push_back({weights_[i], i});
    }
  }
  const Candidate last = last_of_mass(std::span<Candidate>(bucket_), target);
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const bool behind = weights_[i] < last.weight || (weights_[i] == last.weight && i > last.index);
    if (behind) weights_[i] = 0;
  }
}

void Sampler::State::keep_min_p() {
  if (options_.min_p <= 0.0) return;
  const std::uint64_t least = share_of(options_.min_p, std::uint64_t{1} << bits_);
  for (std::uint64_t& weight : weights_) {
    if (weight < least) weight = 0;
  }
}

TokenId Sampler::State::draw() {
  const std::uint64_t total = std::accumulate(weights_.begin(), weights_.end(), std::uint64_t{0});
  std::uint64_t rest = multiply_high(generator_.next64(), total);
  std::size_t index = 0;
  while (rest >= weights_[index]) rest -= weights_[index++];  // ends: rest is below the total
  return ids_.empty() ? static_cast<TokenId>(index) : ids_[index];
}

}  // namespace lathe
