// Drafts that a smaller model writes: when that is worth its time, and how far. The rest of
// Speculator is in speculator.cc.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "speculate/speculator.h"

namespace lathe {
namespace {

// Where nothing is known it is taken to hold as often as a copy behind so many tokens that agree;
// under this number its mean is counted.
constexpr std::uint32_t kMean = 9;
// A draft must promise so much more than none.
constexpr double kWorth = 1.02;
// After so many passes in which it did not seem worth it, it is tried again; each time it still
// is not, after twice as many.
constexpr std::int64_t kPatience = 48;
constexpr std::int64_t kMostPatience = 3072;
constexpr std::size_t kTrial = 4;
// What a text costs that has to be read first counts for that many drafts.
constexpr double kReadFor = 16.0;

// How sure it was, as HoldRates counts tokens that agree.
std::uint32_t sureness(float lead) noexcept {
  constexpr std::array<float, 7> kLeads = {0.25f, 0.5f, 1.0f, 1.75f, 3.0f, 4.5f, 6.5f};
  constexpr std::array<std::uint32_t, 8> kCounts = {1, 2, 3, 4, 6, 9, 17, 33};
  const auto at = std::upper_bound(kLeads.begin(), kLeads.end(), lead) - kLeads.begin();
  return kCounts[static_cast<std::size_t>(at)];
}

}  // namespace

double SequenceDraft::mean_rate() const noexcept {
  return speculator_.model_means_.rate(kMean, &model_means_);
}

void SequenceDraft::note_written(std::size_t position, bool good) noexcept {
  for (HoldRates* rates : {&model_rates_, &speculator_.model_rates_}) {
    rates->note(sure_[position], good);
  }
  for (HoldRates* rates : {&model_means_, &speculator_.model_means_}) rates->note(kMean, good);
}

void SequenceDraft::add_written(const DraftModel::Guess& guess) {
  draft_.push_back(guess.token);
  sure_.push_back(sureness(guess.lead));
  text_.push_back(guess.token);
}

std::vector<SequenceDraft*> Speculator::State::find_writers(
    std::span<SequenceDraft* const> drafts) const {
  std::vector<SequenceDraft*> writers;
  for (SequenceDraft* draft : drafts) {
    const bool copies = !draft->draft_.empty() && draft->rate(0) >= draft->mean_rate();
    if (copies || draft->most_ == 0) continue;
    if (draft->reader_->can_read(draft->text_, options_.max_draft)) writers.push_back(draft);
  }
  return writers;
}

void Speculator::State::write_drafts(std::span<SequenceDraft* const> drafts) {
  std::vector<SequenceDraft*> writers = find_writers(drafts);
  if (writers.empty()) return;
  Plan plan = plan_writing(writers, std::ssize(drafts));
  if (plan.length > 0 && !balance_.has_lost()) {
    if (balance_.has_won()) patience_ = kPatience;
    unwritten_ = 0;
  } else {
    if (patience_ == 0) patience_ = kPatience;
    if (model_->is_measured() && ++unwritten_ < patience_) return;
    unwritten_ = 0;
    patience_ = std::min(2 * patience_, kMostPatience);
    balance_.forget();
    plan.length = kTrial;
    plan.trial = true;
    // One is enough to learn from: that which it has read most of.
    const auto behind = [](const SequenceDraft* d) { return d->reader_->behind(d->text_); };
    writers = {*std::min_element(
        writers.begin(), writers.end(),
        [&](const auto* left, const auto* right) { return behind(left) < behind(right); })};
  }
  const double before = model_->seconds();
  write(std::move(writers), plan);
  // What a trial costs says nothing of what comes after it.
  if (!plan.trial) balance_.begin(std::ssize(drafts), model_->seconds() - before);
}

Speculator::State::Plan Speculator::State::plan_writing(std::span<SequenceDraft* const> writers,
                                                        std::int64_t rows) const {
  const auto count = static_cast<std::int64_t>(writers.size());
  Plan plan{0, static_cast<double>(rows), cost_.of(rows), false};
  if (!model_->is_measured()) return plan;
  std::int64_t behind = 0;
  for (const SequenceDraft* draft : writers) behind += draft->reader_->behind(draft->text_);
  const double step = model_->cost(count);
  double tokens = plan.tokens;
  // Beyond a token or two for each, what is to be read is read once.
  const double to_read = static_cast<double>(std::max<std::int64_t>(0, behind - 2 * count));
  double drafting = to_read * model_->cost(PassCost::kMaxRows) /
                    static_cast<double>(PassCost::kMaxRows) / kReadFor;
  double best = kWorth * plan.tokens / plan.seconds;
  std::vector<double> survives(writers.size(), 1.0);
  for (std::int64_t length = 1; length <= options_.max_draft; ++length) {
    for (std::size_t i = 0; i < writers.size(); ++i) {
      survives[i] *= std::cmp_less_equal(length, writers[i]->most_) ? writers[i]->mean_rate() : 0.0;
      tokens += survives[i];
    }
    drafting += step;
    const double seconds = cost_.of(rows + count * length) + drafting;
    if (tokens / seconds > best) {
      best = tokens / seconds;
      plan = {static_cast<std::size_t>(length), tokens, seconds, false};
    }
  }
  return plan;
}

void Speculator::State::write(std::vector<SequenceDraft*> writers, const Plan& plan) {
  for (SequenceDraft* draft : writers) draft->clear_draft();
  std::vector<double> survives(writers.size(), 1.0);
  // One more than was planned for where it is surer than it is on the whole, and fewer where it is
  // not: as long as a token promises more for its time than the pass does so far.
  const std::size_t most = std::min(static_cast<std::size_t>(options_.max_draft), 2 * plan.length);
  for (std::size_t length = 1; length <= most && !writers.empty(); ++length) {
    std::vector<DraftModel::Reader*> readers;
    std::vector<std::span<const TokenId>> texts;
    for (SequenceDraft* draft : writers) {
      readers.push_back(&*draft->reader_);
      texts.emplace_back(draft->text_);
    }
    const std::vector<DraftModel::Guess> guesses = model_->guess(readers, texts);
    const auto count = static_cast<double>(writers.size());
    const double step = model_->cost(std::ssize(writers)) / count;
    const double row = std::max(0.0, cost_.of(static_cast<std::int64_t>(length) + 1) -
                                         cost_.of(static_cast<std::int64_t>(length)));
    std::vector<SequenceDraft*> go_on;
    std::vector<double> still;
    for (std::size_t i = 0; i < writers.size(); ++i) {
      SequenceDraft& draft = *writers[i];
      if (guesses[i].token < 0) continue;
      draft.written_ = true;
      draft.add_written(guesses[i]);
      ++stats_.model_drafted;
      const double survive = survives[i] * draft.rate(draft.draft_.size() - 1);
      const double gain = survive * draft.mean_rate();
      const bool trial = plan.trial && length < kTrial;
      const bool pays = gain * plan.seconds > (step + row) * plan.tokens;
      if (draft.draft_.size() >= draft.most_ || (!pays && !trial)) continue;
      go_on.push_back(&draft);
      still.push_back(survive);
    }
    writers = std::move(go_on);
    survives = std::move(still);
  }
}

}  // namespace lathe
