#include "speculate/draft_model.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "lathe/error.h"
#include "lathe/model_config.h"

#include "base/seconds.h"

namespace lathe {
namespace {

std::size_t common_length(std::span<const TokenId> a, std::span<const TokenId> b) noexcept {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

DraftModel::Guess best_of(std::span<const float> logits) noexcept {
  DraftModel::Guess best;
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > first) {
      second = std::exchange(first, logits[i]);
      best.token = static_cast<TokenId>(i);
    } else if (logits[i] > second) {
      second = logits[i];
    }
  }
  best.lead = first - second;
  return best;
}

}  // namespace

DraftModel::DraftModel(std::shared_ptr<const Model> model, int threads, std::int64_t positions,
                       std::int64_t tokens)
    : vocab_(model->config().vocab_size), tokens_(tokens > 0 ? std::min(tokens, vocab_) : vocab_) {
  SessionOptions options;
  options.threads = threads;
  options.max_tokens = positions;
  session_ = Session::create(std::move(model), options);
}

DraftModel::Reader::~Reader() { forget(); }

void DraftModel::Reader::forget() noexcept {
  if (sequence_ >= 0) model_.session_->drop(std::exchange(sequence_, -1));
  held_.clear();
}

std::int64_t DraftModel::Reader::behind(std::span<const TokenId> text) const noexcept {
  const std::size_t shared = common_length(held_, text.first(text.size() - 1));
  return static_cast<std::int64_t>(text.size() - shared);
}

bool DraftModel::Reader::can_read(std::span<const TokenId> text, std::int64_t more) const noexcept {
  return !failed_ && std::ssize(text) + more <= model_.session_->context();
}

void DraftModel::Reader::go_back(std::span<const TokenId> text) {
  Session& session = *model_.session_;
  if (sequence_ < 0) sequence_ = session.add();
  std::size_t shared = common_length(held_, text.first(text.size() - 1));
  if (shared < held_.size() && !session.can_fork(sequence_, static_cast<std::int64_t>(shared))) {
    shared = 0;  // its beginning has left the window
  }
  session.truncate(sequence_, static_cast<std::int64_t>(shared));
  held_.resize(shared);
}

std::vector<DraftModel::Guess> DraftModel::guess(std::span<Reader* const> readers,
                                                 std::span<const std::span<const TokenId>> texts) {
  std::vector<Guess> out(readers.size());
  try {
    std::vector<SequenceInput> inputs;
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      readers[i]->go_back(texts[i]);
      const std::span<const TokenId> more = texts[i].subspan(readers[i]->held_.size());
      inputs.push_back({readers[i]->sequence_, more, false});
      rows += std::ssize(more);
    }
    const auto start = std::chrono::steady_clock::now();
    const std::span<const float> logits = session_->forward(inputs);
    const double seconds = seconds_since(start);
    seconds_ += seconds;
    cost_.note(rows, seconds);
    measured_ = true;
    const auto vocab = static_cast<std::size_t>(vocab_);
    for (std::size_t i = 0; i < readers.size(); ++i) {
      std::vector<TokenId>& held = readers[i]->held_;
      held.insert(held.end(), inputs[i].tokens.begin(), inputs[i].tokens.end());
      out[i] = best_of(logits.subspan(i * vocab, static_cast<std::size_t>(tokens_)));
    }
  } catch (const Error&) {
    // No memory for them, or an id that its matrix lacks: these texts go on without drafts.
    for (Reader* reader : readers) {
      reader->forget();
      reader->failed_ = true;
    }
  }
  return out;
}

}  // namespace lathe
