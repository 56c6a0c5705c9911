// bench's options: the table, and what they ask for.
//
// Errors: kUsage for what contradicts itself or means nothing. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/bench/bench.h"

#include "bench/runner.h"
#include "common/tool.h"

namespace lathe::tool {

struct BenchOptions {
  BenchPlan plan;  // what the parser fills in itself: models, shapes, scheme, load
  std::string prompt = "512";
  std::string gen = "128";
  std::vector<std::string> prompt_gen;
  std::string depth = "0";
  std::int64_t computed = 0;  // of the depth; 0: all
  std::string batch = "512";
  std::string threads;
  std::string sequences = "1";
  std::vector<std::string> mixed;
  std::string first_token;
  bool speculate = false;
  std::string kv_types = "f16";
  std::string format = "md";
  std::string output = "-";
  bool force = false;
  bool json = false;
  std::int64_t repetitions = 5;
  bool no_warmup = false;
  bool machine = false;
  std::vector<std::string> interleave;
  double interleave_timeout = 3600;
  std::string baseline;
  std::vector<std::string> compare;  // NEW and BASE, or the baseline alone
  std::vector<std::string> gates;
  std::string plot;

  bool has_model() const { return !plan.models.empty() || !plan.shapes.empty(); }
};

// Fills the tool's table; `options` must live as long as the tool.
void add_bench_options(Tool& tool, BenchOptions& options);

// Makes one of options that say the same: -o json, --json and --format; --baseline and --compare.
void join_bench_options(BenchOptions& options);
// Refuses options that have no effect together. (plan_of() refuses those of a measurement.)
void check_bench_options(const BenchOptions& options);
std::vector<std::int64_t> threads_of(const Tool& tool, const BenchOptions& options);
// What is to be measured; refuses what means nothing before anything is.
BenchPlan plan_of(const Tool& tool, const BenchOptions& options);

}  // namespace lathe::tool
