// How evenly answers come while a long prompt is read: the times between two tokens.
//
//   bench_latency MODEL [THREADS] [RUNNING] [LONG] [TOKENS] [CHUNK]
//
// RUNNING sequences (8) of TOKENS (400) each decode; after a quarter of that a prompt of LONG
// (1500) tokens arrives, and its answer of 16. CHUNK is EngineOptions::prefill_chunk: 0 lets the
// engine choose, LONG or more reads the prompt in one piece. Every step gives each of the RUNNING
// a token, so the steps' times are their inter-token latencies; the median is that of steps
// without a prompt, and of all of them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/engine.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

double at(std::vector<double> values, double share) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

// Ids that no two requests share the beginning of.
Request request(std::int64_t number, std::int64_t prompt, std::int64_t answer, std::int64_t vocab) {
  Request out;
  for (std::int64_t i = 0; i < prompt; ++i) {
    out.prompt.push_back(static_cast<TokenId>((number * 7919 + i * 104729 + 3) % vocab));
  }
  out.options.max_tokens = answer;
  out.options.ignore_eos = true;
  return out;
}

int run(int argc, char** argv) {
  const auto number = [&](int i, std::int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  if (argc < 2) {
    std::fprintf(stderr, "bench_latency MODEL [THREADS] [RUNNING] [LONG] [TOKENS] [CHUNK]\n");
    return 2;
  }
  const auto running = number(3, 8);
  const auto length = number(4, 1500);
  const auto tokens = number(5, 400);
  EngineOptions options;
  options.threads = static_cast<int>(number(2, 2));
  options.prefill_chunk = number(6, 0);
  options.share_prefixes = false;
  const auto model = Model::load(Checkpoint::open(argv[1]));
  const auto engine = Engine::create(model, nullptr, options);
  const std::int64_t vocab = model->config().vocab_size;
  for (std::int64_t i = 0; i < running; ++i) engine->submit(request(i, 16, tokens, vocab));
  RequestId late = 0;
  std::vector<double> alone, mixed;
  Clock::time_point arrived;
  double first_token = 0.0;
  const Clock::time_point start = Clock::now();
  while (!engine->idle()) {
    const EngineStats before = engine->stats();
    if (late == 0 && before.generated_tokens >= running * tokens / 4) {
      late = engine->submit(request(running, length, 16, vocab));
      arrived = Clock::now();
    }
    const Clock::time_point step = Clock::now();
    engine->step();
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - step).count();
    const EngineStats now = engine->stats();
    const bool reads = now.prefilled_tokens > before.prefilled_tokens;
    if (before.generated_tokens >= running) (reads ? mixed : alone).push_back(took);
    if (late != 0 && first_token == 0.0 && now.prompt_tokens >= running * 16 + length) {
      first_token = std::chrono::duration<double>(Clock::now() - arrived).count();
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double> all = alone;
  all.insert(all.end(), mixed.begin(), mixed.end());
  const double median = at(all, 0.5);
  const auto total = static_cast<double>(running * (tokens + 16) + length + 16);
  std::printf(
      "chunk %lld: %zu steps, %zu with a prompt | ms without a prompt: median %.1f p99 %.1f | "
      "with: "
      "median %.1f p99 %.1f max %.1f | p99 of all / median of all %.2f, without %.2f | long prompt "
      "%.2f s | %.1f t/s\n",
      static_cast<long long>(options.prefill_chunk), all.size(), mixed.size(), at(alone, 0.5),
      at(alone, 0.99), at(mixed, 0.5), at(mixed, 0.99), at(mixed, 1.0), at(all, 0.99) / median,
      at(all, 0.99) / at(alone, 0.5), first_token, total / seconds);
  return 0;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) {
  try {
    return lathe::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
