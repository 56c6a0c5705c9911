#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lathe/bench/bench.h"
#include "lathe/model_config.h"

#include "bench/token_source.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

std::vector<BenchTraffic::Lengths> lengths_of(const BenchCase& test) {
  if (test.traffic) return test.traffic->lengths();
  return std::vector<BenchTraffic::Lengths>(static_cast<std::size_t>(test.sequences),
                                            {test.n_prompt, test.n_gen});
}

void run_to_end(Engine& engine) {
  while (!engine.idle()) engine.step();
}

// Computes the prompts and no more: their keys and values are kept for the requests that follow.
std::int64_t prefill(Engine& engine, std::span<const Request> requests) {
  const Clock::time_point start = Clock::now();
  for (Request request : requests) {
    request.samples = 0;
    engine.submit(std::move(request));
  }
  run_to_end(engine);
  return since(start);
}

// Equal sequences run in two phases, all prompts and then all answers, so that each has a rate of
// its own; traffic runs as it comes, with answers under way while later prompts are read.
BenchSample run_once(Engine& engine, std::span<const TokenId> depth,
                     std::span<const BenchTraffic::Lengths> lengths, bool in_phases,
                     TokenSource& source) {
  const EngineStats before = engine.stats();
  std::int64_t prompts = 0;
  std::vector<Request> requests;
  for (const BenchTraffic::Lengths& one : lengths) {
    Request request;
    request.prompt.assign(depth.begin(), depth.end());
    // Without a prompt of its own a request begins with one token, as it must with some.
    const std::vector<TokenId> own = source.next(std::max<std::int64_t>(1, one.in));
    request.prompt.insert(request.prompt.end(), own.begin(), own.end());
    prompts += static_cast<std::int64_t>(request.prompt.size());
    // In phases, the last token of the prompt is the first pass of the answer.
    const bool first_is_free = one.in > 0 && !in_phases;
    request.options.max_tokens = first_is_free ? one.out + 1 : std::max<std::int64_t>(1, one.out);
    request.options.ignore_eos = true;
    requests.push_back(std::move(request));
  }
  BenchSample sample;
  if (in_phases) sample.prompt_ns = prefill(engine, requests);
  for (Request& request : requests) engine.submit(std::move(request));
  const Clock::time_point start = Clock::now();
  while (!engine.idle()) {
    const Clock::time_point step = Clock::now();
    for (const Completion& done : engine.step()) {
      if (done.error) throw Error(done.error->code, done.error->message);
      sample.first_token_ns.push_back(static_cast<std::int64_t>(done.timings.first_token * 1e9));
    }
    sample.step_ns.push_back(since(step));
    const EngineStats now = engine.stats();
    if (sample.prompt_ns == 0 && now.prompt_tokens - before.prompt_tokens == prompts) {
      sample.prompt_ns = since(start);
    }
  }
  sample.gen_ns = since(start) - (in_phases ? 0 : sample.prompt_ns);
  return sample;
}

}  // namespace

BenchResult run_engine_bench(Engine& engine, const BenchCase& test, int repetitions, int warmup,
                             const ProgressCallback& progress) {
  BenchResult result;
  result.test = test;
  TokenSource source(engine.model().config().vocab_size);
  const std::vector<BenchTraffic::Lengths> lengths = lengths_of(test);
  const std::vector<TokenId> depth = source.next(test.n_depth);
  const bool in_phases = !test.traffic && test.n_prompt > 0 && test.n_gen > 0;
  if (!depth.empty()) {
    Request request;
    request.prompt = depth;
    request.samples = 0;
    engine.submit(std::move(request));
    run_to_end(engine);
  }
  const std::string name = test.name();
  for (int round = -warmup; round < repetitions; ++round) {
    if (progress) {
      progress(static_cast<std::uint64_t>(round + warmup),
               static_cast<std::uint64_t>(repetitions + warmup), name);
    }
    BenchSample sample = run_once(engine, depth, lengths, in_phases, source);
    if (round >= 0) result.samples.push_back(std::move(sample));
  }
  return result;
}

}  // namespace lathe
