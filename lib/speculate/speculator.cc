#include "speculate/speculator.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::int64_t kMostDrafted = 64;
// Of sequences that have ended so many tokens are kept, some tens of megabytes; then it begins
// anew.
constexpr std::size_t kMostKept = std::size_t{1} << 18;
// A draft must promise so much more than none: what is measured scatters.
constexpr double kWorth = 1.02;
// After so many passes in which drafts did not seem worth it a short one is tried: texts change,
// and so does the machine.
constexpr std::int64_t kTryAgain = 48;
constexpr std::size_t kTrial = 3;

// A token that could be drafted, and how probably all before it and itself hold.
struct Chance {
  double survives = 0.0;
  std::size_t sequence = 0;
};

}  // namespace

Speculator::Speculator(SpeculationOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

Speculator::~Speculator() = default;

SpeculationStats Speculator::stats() const noexcept { return state_->stats(); }

SpeculationStats Speculator::State::stats() const noexcept {
  SpeculationStats out = stats_;
  if (model_ != nullptr) out.model_seconds = model_->seconds();
  return out;
}

Speculator::State::State(SpeculationOptions options) : options_(std::move(options)) {
  if (options_.max_draft < 1 || options_.max_draft > kMostDrafted) {
    fail(ErrorCode::kUsage, "max_draft {} is out of range: it must be 1 to {}", options_.max_draft,
         kMostDrafted);
  }
  for (const std::vector<TokenId>& text : options_.corpus) {
    corpus_.begin_text();
    for (const TokenId token : text) corpus_.append(token);
  }
  options_.corpus.clear();
  if (options_.draft != nullptr) {
    model_ = std::make_unique<DraftModel>(std::move(options_.draft), options_.draft_threads,
                                          options_.draft_positions, options_.draft_tokens);
  }
}

void Speculator::State::keep(std::span<const TokenId> text) {
  if (!options_.copies) return;
  if (earlier_.size() + text.size() > kMostKept) {
    earlier_ = {};
    ++earlier_age_;
  }
  earlier_.begin_text();
  for (const TokenId token : text.last(std::min(text.size(), kMostKept))) earlier_.append(token);
}

void Speculator::State::plan(std::span<SequenceDraft* const> drafts) {
  const std::int64_t rows = std::ssize(drafts);
  stats_.passes += rows;
  balance_.end(cost_.of(rows));
  // Beside what no pass without drafts has shown, any of them seems worth it.
  if (cost_.lacks(rows)) {
    for (SequenceDraft* draft : drafts) draft->draft_.clear();
    return;
  }
  if (model_ != nullptr) write_drafts(drafts);
  choose_lengths(drafts);
}

void Speculator::State::choose_lengths(std::span<SequenceDraft* const> drafts) {
  std::vector<Chance> chances;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    double survives = 1.0;
    for (std::size_t j = 0; j < drafts[i]->draft_.size(); ++j) {
      survives *= drafts[i]->rate(j);
      chances.push_back({survives, i});
    }
  }
  // Within a sequence chances fall, so that the best are the beginnings of drafts.
  std::stable_sort(chances.begin(), chances.end(),
                   [](const Chance& a, const Chance& b) { return a.survives > b.survives; });
  const auto rows = std::ssize(drafts);
  double tokens = static_cast<double>(rows);
  double best = kWorth * tokens / cost_.of(rows);
  std::size_t count = 0;
  for (std::size_t i = 0; i < chances.size(); ++i) {
    tokens += chances[i].survives;
    const double rate = tokens / cost_.of(rows + static_cast<std::int64_t>(i) + 1);
    if (rate > best) {
      best = rate;
      count = i + 1;
    }
  }
  if (count == 0 && !chances.empty() && ++plain_passes_ >= kTryAgain) {
    count = std::min(chances.size(), kTrial);
  }
  if (count > 0) plain_passes_ = 0;
  std::vector<std::size_t> lengths(drafts.size(), 0);
  for (std::size_t i = 0; i < count; ++i) ++lengths[chances[i].sequence];
  for (std::size_t i = 0; i < drafts.size(); ++i) drafts[i]->draft_.resize(lengths[i]);
}

SequenceDraft::SequenceDraft(Speculator::State& speculator) : speculator_(speculator) {
  if (speculator.model_ != nullptr) reader_.emplace(*speculator.model_);
}

void SequenceDraft::follow(std::span<const TokenId> history, std::int64_t most) {
  most_ =
      static_cast<std::size_t>(std::clamp<std::int64_t>(most, 0, speculator_.options_.max_draft));
  clear_draft();
  if (reader_) {
    text_.insert(text_.end(), history.begin() + std::ssize(text_), history.end());
    history_ = text_.size();
  }
  if (speculator_.options_.copies) copy(history);
}

void SequenceDraft::clear_draft() {
  match_ = 0;
  draft_.clear();
  sure_.clear();
  written_ = false;
  text_.resize(history_);
}

void SequenceDraft::copy(std::span<const TokenId> history) {
  if (earlier_age_ != speculator_.earlier_age_) {
    earlier_age_ = speculator_.earlier_age_;
    in_earlier_ = {};
  }
  for (const TokenId token : history.subspan(own_.size())) {
    own_.touch();
    own_.append(token);
    in_corpus_ = speculator_.corpus_.advance(in_corpus_, token);
    in_earlier_ = speculator_.earlier_.advance(in_earlier_, token);
  }
  // The longest agreement; among equals the nearest source.
  const std::pair<const SuffixAutomaton*, SuffixAutomaton::Match> sources[] = {
      {&own_, own_.repeated()},
      {&speculator_.earlier_, in_earlier_},
      {&speculator_.corpus_, in_corpus_}};
  for (const auto& [source, match] : sources) {
    if (match.length <= match_) continue;
    const std::span<const TokenId> followers = source->after(match, most_);
    if (followers.empty()) continue;
    match_ = match.length;
    draft_.assign(followers.begin(), followers.end());
  }
}

double SequenceDraft::rate(std::size_t position) const noexcept {
  if (written_) return speculator_.model_rates_.rate(sure_[position], &model_rates_);
  return speculator_.rates_.rate(agreed(position), &rates_);
}

void SequenceDraft::settle(std::int64_t held) noexcept {
  const std::size_t count = std::min(static_cast<std::size_t>(held) + 1, draft_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = std::cmp_less(i, held);
    if (written_) {
      note_written(i, good);
    } else {
      rates_.note(agreed(i), good);
      speculator_.rates_.note(agreed(i), good);
    }
  }
  speculator_.stats_.drafted += std::ssize(draft_);
  speculator_.stats_.accepted += held;
  if (written_) speculator_.stats_.model_accepted += held;
  speculator_.balance_.note_held(held);
}

}  // namespace lathe
