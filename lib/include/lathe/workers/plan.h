// How many workers should compute prompts and how many should write answers, from rates that were
// measured and from the lengths of the requests, and what is to be expected of them.
//
//   P/D-Serve (Jin et al. 2024, arXiv:2408.08147) matches the throughput of both kinds: n_p workers
//   for prompts that take S seconds each, n_d for answers of G tokens at R(b) tokens a second
//   (b answers side by side on each), and one way between them that carries D seconds of pages for
//   each request hold
//
//       rate < min(n_p / S,  n_d R(b) / G,  1 / D)
//
//   which is highest where n_p / S = n_d R(b) / G.
//
// Expected times at a rate are means:
//
//   TPOT  t(b) = b / R(b), the time of a step, at the least b with n_d R(b) / G >= rate
//   TTFT  wait + S + D + t(b); the wait is that of an M/G/n queue by Lee and Longton (1959):
//   Erlang's
//         C with n_p servers, times (1 + c^2) / 2, c^2 the squared variation of the prompts'
//         lengths
//
// Where every worker does both, prompts and answers share its time: with the shares
// u = rate S / n and d = rate G / (n R(b)), u + d < 1, a step takes t(b) / (1 - u). Half of each
// step is a prompt's while answers are under way, as they are the share q = rate G t(1) / n of the
// time, at most all of it: it takes S (1 + q (1 - u)).
//
// Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lathe/bench/load.h"
#include "lathe/export.h"

namespace lathe {

struct DecodeRate {
  double batch = 1.0;              // answers side by side
  double tokens_per_second = 0.0;  // of all of them
};

// Of one worker, but for the way between them, which all have together.
struct WorkerRates {
  double prefill = 0.0;            // prompt tokens a second
  std::vector<DecodeRate> decode;  // by growing batch, the largest one that is allowed at the end
  double transfer = 0.0;           // bytes a second from worker to worker; 0: no time
  double bytes_per_token = 0.0;    // of a prompt's keys and values
};

// Of many requests: means.
struct RequestLengths {
  double prompt = 0.0, prompt_square = 0.0;  // tokens, and their squares
  double answer = 0.0;
};
LATHE_API RequestLengths lengths_of(const std::vector<LoadRequest>& requests);

enum class PlanBound { kPrefill, kDecode, kTransfer, kBoth, kObjective };
LATHE_API const char* to_string(PlanBound bound);

// A way to share out the workers. `both` workers do both; else that is 0.
struct WorkerSplit {
  std::int64_t prefill = 0, decode = 0, both = 0;
  double highest_rate = 0.0;  // requests a second: where the queues begin to grow, or the
                              // objective's means are missed
  PlanBound bound = PlanBound::kPrefill;
  // At the plan's rate; infinite where the split does not hold it.
  double first_token = 0.0, per_token = 0.0;     // seconds
  double batch = 0.0;                            // answers side by side on a worker
  double prefill_busy = 0.0, decode_busy = 0.0;  // shares of their time
};

struct WorkerPlan {
  double rate = 0.0;                // that times are for
  std::vector<WorkerSplit> splits;  // apart, by growing number for prompts; together last
  std::size_t best = 0;             // of those apart, the one with the highest rate, and room beyond
};

// `objective` (its share counts nothing: times are means) may have neither time. `rate` 0: four
// fifths of the highest of the best split. Throws kUsage: fewer than two workers, rates and lengths
// that are not above 0, batches that do not grow.
LATHE_API WorkerPlan plan_workers(const WorkerRates& rates, const RequestLengths& lengths,
                                  std::int64_t workers, const LoadObjective& objective,
                                  double rate);

// The number of `workers` for prompts by which the throughputs match best, for work that would take
// one worker so many seconds; 0 where there is nothing to keep apart, or nobody to do it with.
LATHE_API std::int64_t workers_for_prompts(double prompt_seconds, double answer_seconds,
                                           std::int64_t workers);

// The rates, and a table with a line for each split; a JSON document ("lathe.plan/1").
LATHE_API std::string plan_text(const WorkerPlan& plan, const WorkerRates& rates,
                                const RequestLengths& lengths, std::size_t width);
LATHE_API std::string plan_json(const WorkerPlan& plan, const WorkerRates& rates,
                                const RequestLengths& lengths, const LoadObjective& objective);

}  // namespace lathe
