// How fast a model runs here: prefill, decode and batches, with the spread of the samples.
//
// A case is what llama-bench calls a test: n_prompt tokens computed at once and then n_gen
// tokens one at a time, after n_depth tokens that are not timed; with `sequences` > 1 the
// same for that many requests at once (llama-batched-bench), or with traffic for requests of
// many lengths, through the engine (engine.h). Token ids are pseudo-random: speed does not
// depend on them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/model.h"

namespace lathe {

// Requests that come all at once, each with a prompt and an answer of its own length: uniform
// between the bounds, the same ones every time.
struct BenchTraffic {
  std::int64_t in_min = 0, in_max = 0;
  std::int64_t out_min = 0, out_max = 0;
  std::int64_t requests = 0;

  struct Lengths {
    std::int64_t in = 0, out = 0;
  };
  LATHE_API std::vector<Lengths> lengths() const;
};

// "in=128..512,out=32..256,n=64"; a single number stands for both bounds. Throws kUsage.
LATHE_API BenchTraffic parse_traffic(std::string_view text);

// What of the model's files the page cache holds when a program starts.
enum class BenchStart { kCold, kWarm };

struct BenchCase {
  std::int64_t n_prompt = 0;
  std::int64_t n_gen = 0;
  std::int64_t n_depth = 0;
  std::int64_t sequences = 1;
  std::optional<BenchTraffic> traffic = {};  // in place of the numbers above
  // From the start of a program to its first token, after n_prompt tokens: n_gen is 1.
  std::optional<BenchStart> start = {};
  // In place of n_prompt and n_gen: passes over so many tokens with logits behind each, as a draft
  // is checked (lathe/speculation.h).
  std::int64_t n_check = 0;
  // Of n_depth so many tokens are computed (whole pages of them), and their keys and values, over
  // and over, stand for the rest: speed does not depend on what those are. 0: all. Of sequences
  // that run one at a time only.
  std::int64_t n_computed = 0;

  // "pp512", "tg128", "pp512+tg128", "check8", each with "@d4096" and "x16" where they apply;
  // traffic is "mix64 in128..512 out32..256", a start "first-token-cold".
  LATHE_API std::string name() const;
  bool batched() const noexcept { return sequences > 1 || traffic.has_value(); }
};

// Lists as parse_ranges reads them; `prompt_gen` holds pairs "P,N". Prompt and gen make cases
// of their own, as llama-bench's do; with sequences > 1 they belong together, as
// llama-batched-bench's do. Throws kUsage, also when no case is left.
struct BenchLists {
  std::string prompt, gen;
  std::vector<std::string> prompt_gen;
  std::string depth, sequences;
};
LATHE_API std::vector<BenchCase> make_cases(const BenchLists& lists);

// Passes over 1 to `most` tokens, at each of the depths. Throws kUsage.
LATHE_API std::vector<BenchCase> make_check_cases(std::int64_t most, std::string_view depths);

// One run of a case, in nanoseconds.
struct BenchSample {
  std::int64_t prompt_ns = 0;
  std::int64_t gen_ns = 0;
  // Decode steps one by one: the inter-token latencies. Of n_check: the passes.
  std::vector<std::int64_t> step_ns;
  // Of n_check with a smaller model: what it took to write the drafts; not part of the total.
  std::int64_t draft_ns = 0;
  // Of batched cases: from the beginning to each request's first token.
  std::vector<std::int64_t> first_token_ns = {};

  std::int64_t total_ns() const noexcept { return prompt_ns + gen_ns; }
};

struct BenchSummary {  // tokens per second over the samples
  double mean = 0.0;
  double stddev = 0.0;  // of the sample (n - 1)
  double median = 0.0;
  double min = 0.0;
  double max = 0.0;
};

struct BenchResult {
  BenchCase test;
  std::vector<BenchSample> samples;

  // Of one run; of a start the token that was waited for.
  LATHE_API std::int64_t tokens() const;
  LATHE_API std::vector<double> tokens_per_second() const;
};

// Runs `repetitions` timed rounds after `warmup` untimed ones. `progress` counts rounds.
// `draft`: before each pass over n_check tokens this smaller model computes all but one of them,
// one after the other, as it does to draft them; may be null.
// Throws kLimit when the case does not fit a session's context.
LATHE_API BenchResult run_bench(Session& session, const BenchCase& test, int repetitions,
                                int warmup = 1, const ProgressCallback& progress = {},
                                Session* draft = nullptr);

// The same of a batched case, by an engine without shared prefixes but for the depth. As
// llama-batched-bench counts, every token of an answer is also computed. prompt_ns is the time
// until the last prompt is computed.
LATHE_API BenchResult run_engine_bench(Engine& engine, const BenchCase& test, int repetitions,
                                       int warmup = 1, const ProgressCallback& progress = {});

LATHE_API BenchSummary summarize(std::span<const double> values);

// The ratio a/b of two sets of samples, by bootstrap (Efron 1979): medians resampled
// `rounds` times with a fixed seed. When the interval holds 1, the noise is too large to
// tell the two apart.
struct BenchRatio {
  double ratio = 1.0;
  double low = 1.0;  // 95 % interval
  double high = 1.0;

  bool can_tell() const noexcept { return low > 1.0 || high < 1.0; }
};
LATHE_API BenchRatio compare_samples(std::span<const double> a, std::span<const double> b,
                                     int rounds = 10000);

// "512", "128,256", "1-4", "16-64+16", "1-64*2", and lists of those. Throws kUsage, naming
// the part that is wrong.
LATHE_API std::vector<std::int64_t> parse_ranges(std::string_view text);

}  // namespace lathe
