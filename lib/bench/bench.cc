#include "lathe/bench/bench.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lathe/model_config.h"

#include "base/divide_up.h"
#include "bench/token_source.h"
#include "model/session_pages.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// Of one sample of a case with n_check: one takes milliseconds.
constexpr std::int64_t kCheckPasses = 16;

std::int64_t since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

// What every round of a case starts from.
class Prefix {
 public:
  // As BenchCase::n_depth and n_computed.
  Prefix(Session& session, std::int64_t depth, std::int64_t computed)
      : session_(session), source_(session.model().config().vocab_size), id_(session.add()) {
    if (depth == 0) return;
    try {
      const std::int64_t page = SessionPages(session).layout().page_tokens;
      compute(computed == 0 ? depth : std::min(depth, round_up(computed, page)));
      repeat(depth, page);
    } catch (...) {
      session_.drop(id_);
      throw;
    }
  }
  ~Prefix() { session_.drop(id_); }
  Prefix(const Prefix&) = delete;
  Prefix& operator=(const Prefix&) = delete;

  Session& session() noexcept { return session_; }
  TokenSource& source() noexcept { return source_; }
  SequenceId id() const noexcept { return id_; }

 private:
  void compute(std::int64_t count) {
    const std::vector<TokenId> tokens = source_.next(count);
    const SequenceInput input{id_, tokens, false};
    session_.forward(std::span(&input, 1));
  }
  // The sequence's whole pages again, until it has that length.
  void repeat(std::int64_t length, std::int64_t page) {
    if (session_.length(id_) >= length) return;
    SessionPages pages(session_);
    const auto bytes_of = [each = pages.layout().page_bytes](std::int64_t count) {
      return static_cast<std::size_t>(count) * each;
    };
    const SequencePages held = pages.of(id_);
    std::vector<std::byte> copy(bytes_of(held.count));
    pages.copy(id_, held.first, held.count, copy);
    for (std::int64_t at = session_.length(id_); at < length; at = session_.length(id_)) {
      const std::int64_t more = std::min(length - at, held.count * page);
      pages.append(id_, more, std::span(copy).first(bytes_of(divide_up(more, page))));
    }
  }

  Session& session_;
  TokenSource source_;
  SequenceId id_;
};

// The sequences of one round; dropped at its end, also when a step throws.
class Sequences {
 public:
  Sequences(Prefix& prefix, const BenchCase& test)
      : session_(prefix.session()), source_(prefix.source()) {
    for (std::int64_t i = 0; i < test.sequences; ++i) {
      ids_.push_back(session_.fork(prefix.id(), test.n_depth));
    }
  }
  ~Sequences() {
    for (const SequenceId id : ids_) session_.drop(id);
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  // Appends the same number of fresh tokens to each. Returns nanoseconds.
  std::int64_t step(std::int64_t count, bool all_logits = false) {
    const auto start = Clock::now();
    tokens_.clear();
    inputs_.clear();
    for (std::size_t i = 0; i < ids_.size(); ++i) tokens_.push_back(source_.next(count));
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      inputs_.push_back({ids_[i], tokens_[i], all_logits});
    }
    session_.forward(inputs_);
    return since(start);
  }
  // Takes back all but the first `length` positions of each.
  void truncate(std::int64_t length) {
    for (const SequenceId id : ids_) session_.truncate(id, length);
  }

 private:
  Session& session_;
  TokenSource& source_;
  std::vector<SequenceId> ids_;
  std::vector<std::vector<TokenId>> tokens_;
  std::vector<SequenceInput> inputs_;
};

// Passes over n_check tokens, each behind those of the smaller model that wrote the draft: one
// after the other, since either finds the processor's caches as the other leaves them.
void check(const BenchCase& test, Sequences& sequences, Prefix* draft, BenchSample& sample) {
  std::optional<Sequences> drafting;
  if (draft != nullptr) drafting.emplace(*draft, test);
  for (std::int64_t pass = 0; pass < kCheckPasses; ++pass) {
    if (drafting) {
      for (std::int64_t i = 1; i < test.n_check; ++i) sample.draft_ns += drafting->step(1);
      drafting->truncate(test.n_depth);
    }
    sample.step_ns.push_back(sequences.step(test.n_check, true));
    sample.gen_ns += sample.step_ns.back();
    sequences.truncate(test.n_depth);
  }
}

BenchSample run_once(Prefix& prefix, Prefix* draft, const BenchCase& test) {
  BenchSample sample;
  Sequences sequences(prefix, test);
  if (test.n_prompt > 0) sample.prompt_ns = sequences.step(test.n_prompt);
  if (test.n_check > 0) check(test, sequences, draft, sample);
  sample.step_ns.reserve(sample.step_ns.size() + static_cast<std::size_t>(test.n_gen));
  for (std::int64_t i = 0; i < test.n_gen; ++i) {
    sample.step_ns.push_back(sequences.step(1));
    sample.gen_ns += sample.step_ns.back();
  }
  return sample;
}

}  // namespace

std::int64_t BenchResult::tokens() const {
  if (test.start) return 1;
  if (test.n_check > 0) return test.n_check * kCheckPasses;
  if (!test.traffic) return (test.n_prompt + test.n_gen) * test.sequences;
  std::int64_t sum = 0;
  for (const BenchTraffic::Lengths& one : test.traffic->lengths()) sum += one.in + one.out;
  return sum;
}

std::vector<double> BenchResult::tokens_per_second() const {
  std::vector<double> rates;
  rates.reserve(samples.size());
  for (const BenchSample& sample : samples) {
    rates.push_back(static_cast<double>(tokens()) * 1e9 /
                    static_cast<double>(std::max<std::int64_t>(1, sample.total_ns())));
  }
  return rates;
}

BenchResult run_bench(Session& session, const BenchCase& test, int repetitions, int warmup,
                      const ProgressCallback& progress, Session* draft) {
  BenchResult result;
  result.test = test;
  Prefix prefix(session, test.n_depth, test.n_computed);
  std::optional<Prefix> draft_prefix;
  if (draft != nullptr) draft_prefix.emplace(*draft, test.n_depth, test.n_computed);
  const std::string name = test.name();
  for (int round = -warmup; round < repetitions; ++round) {
    if (progress) {
      progress(static_cast<std::uint64_t>(round + warmup),
               static_cast<std::uint64_t>(repetitions + warmup), name);
    }
    BenchSample sample = run_once(prefix, draft_prefix ? &*draft_prefix : nullptr, test);
    if (round >= 0) result.samples.push_back(std::move(sample));
  }
  return result;
}

}  // namespace lathe
