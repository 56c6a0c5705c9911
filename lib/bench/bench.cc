#include "lathe/bench/bench.h"

#include <algorithm>
#include <chrono>

#include "lathe/model_config.h"

#include "bench/token_source.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

// Of one sample of a case with n_check: one takes milliseconds.
constexpr std::int64_t kCheckPasses = 16;

std::int64_t since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

// The sequences of one round; dropped at its end, also when a step throws.
class Sequences {
 public:
  Sequences(Session& session, SequenceId prefix, const BenchCase& test) : session_(session) {
    for (std::int64_t i = 0; i < test.sequences; ++i) {
      ids_.push_back(session.fork(prefix, test.n_depth));
    }
  }
  ~Sequences() {
    for (const SequenceId id : ids_) session_.drop(id);
  }
  Sequences(const Sequences&) = delete;
  Sequences& operator=(const Sequences&) = delete;

  // Appends the same number of fresh tokens to each.
  void step(std::int64_t count, TokenSource& source, bool all_logits = false) {
    tokens_.clear();
    inputs_.clear();
    for (const SequenceId id : ids_) {
      (void)id;
      tokens_.push_back(source.next(count));
    }
    for (std::size_t i = 0; i < ids_.size(); ++i)
      inputs_.push_back({ids_[i], tokens_[i], all_logits});
    session_.forward(inputs_);
  }
  // Takes back all but the first `length` positions of each.
  void truncate(std::int64_t length) {
    for (const SequenceId id : ids_) session_.truncate(id, length);
  }

 private:
  Session& session_;
  std::vector<SequenceId> ids_;
  std::vector<std::vector<TokenId>> tokens_;
  std::vector<SequenceInput> inputs_;
};

BenchSample run_once(Session& session, SequenceId prefix, const BenchCase& test,
                     TokenSource& source) {
  BenchSample sample;
  Sequences sequences(session, prefix, test);
  if (test.n_prompt > 0) {
    const auto start = Clock::now();
    sequences.step(test.n_prompt, source);
    sample.prompt_ns = since(start);
  }
  for (std::int64_t i = 0; test.n_check > 0 && i < kCheckPasses; ++i) {
    const auto start = Clock::now();
    sequences.step(test.n_check, source, true);
    sample.step_ns.push_back(since(start));
    sample.gen_ns += sample.step_ns.back();
    sequences.truncate(test.n_depth);
  }
  sample.step_ns.reserve(static_cast<std::size_t>(test.n_gen));
  for (std::int64_t i = 0; i < test.n_gen; ++i) {
    const auto start = Clock::now();
    sequences.step(1, source);
    sample.step_ns.push_back(since(start));
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
                      const ProgressCallback& progress) {
  BenchResult result;
  result.test = test;
  TokenSource source(session.model().config().vocab_size);
  const SequenceId prefix = session.add();
  struct Guard {
    Session& session;
    SequenceId sequence;
    ~Guard() { session.drop(sequence); }
  } guard{session, prefix};

  if (test.n_depth > 0) {
    const std::vector<TokenId> depth = source.next(test.n_depth);
    const SequenceInput input{prefix, depth, false};
    session.forward(std::span(&input, 1));
  }
  const std::string name = test.name();
  for (int round = -warmup; round < repetitions; ++round) {
    if (progress) {
      progress(static_cast<std::uint64_t>(round + warmup),
               static_cast<std::uint64_t>(repetitions + warmup), name);
    }
    BenchSample sample = run_once(session, prefix, test, source);
    if (round >= 0) result.samples.push_back(std::move(sample));
  }
  return result;
}

}  // namespace lathe
