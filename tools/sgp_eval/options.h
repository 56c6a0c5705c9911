// The options of sgp-eval: what they are called, and which of them go together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/tool.h"
#include "common/workers.h"

namespace lathe::tool {

struct SgpOptions {
  std::vector<std::string> data, splits, subjects, gates, lora;
  std::vector<std::string> compare;  // NEW and BASE: responses and baseline in one word
  std::string shard;                 // of the questions; empty: all
  std::string columns, protocol = "reference", system, chat_template, judge, records, responses;
  std::string baseline, kv_type = "f16";
  std::string perturb, export_sit, report;
  std::int64_t limit = 0, context = 0, max_tokens = 2048, max_batch = 32, copies = 5;
  std::uint64_t seed = 0, kv_memory = 0;
  bool resume = false, timings = false, emit_prompts = false, changes = false;
  bool open_answers = false, leaderboard = false;
  WorkerFlags workers;
  std::vector<const CLI::Option*> computing;  // of who computes: with workers, theirs
  CLI::Option* seed_option = nullptr;
  CLI::Option* system_option = nullptr;

  // With commas as separators: "a,b" and "a" "b" are the same two names.
  std::vector<std::string> split_names() const;
  std::vector<std::string> subject_names() const;
};

void add_options(Tool& tool, SgpOptions& options);

// Makes --responses and --baseline of --compare.
void join_options(SgpOptions& options);

// Throws kUsage for options that contradict each other or lack another.
void check(const Tool& tool, const SgpOptions& options);

}  // namespace lathe::tool
