// Requests that come at a rate, whatever became of those before (an open loop), and what their
// answers' times say of whoever answers.
//
//   time to first token (TTFT)     from when a request is sent to the first piece of its answer
//   time per output token (TPOT)   from the first to the last piece, for each token but one
//   inter-token latency (ITL)      between neighbouring pieces, of all answers
//   goodput                        answers per second that kept the objective (P/D-Serve's SLO)
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/batch.h"
#include "lathe/bench/bench.h"
#include "lathe/export.h"

namespace lathe {

enum class Arrivals { kPoisson, kFixed };

struct LoadRequest {
  double due = 0.0;  // seconds from the beginning
  std::int64_t prompt_tokens = 0, answer_tokens = 0;
};

// `traffic` has the lengths, and how many; the same every time for a seed.
LATHE_API std::vector<LoadRequest> plan_load(const BenchTraffic& traffic, double rate,
                                             Arrivals arrivals, std::uint64_t seed);
// Lines {"at": 0.5, "in": 120, "out": 30}, in the order of their times. Throws kInvalid.
LATHE_API std::vector<LoadRequest> read_load_trace(std::string_view text, const std::string& path);

// What became of a request. Seconds, from the beginning of all.
struct LoadOutcome {
  double sent = 0.0;
  std::vector<double> pieces;  // when each piece of its answer came
  std::int64_t prompt_tokens = 0, tokens = 0;
  bool turned_away = false;  // status 503 or 429
  bool whole = false;        // it came in one piece: `pieces` are its first token and its end
  std::string error;         // empty: it was answered
};

// What an event of a streamed completion says.
struct LoadEvent {
  bool text = false;                           // it has a piece of the answer
  std::int64_t prompt_tokens = 0, tokens = 0;  // 0: it does not say
  std::string error;
};
// Throws kInvalid for what is no JSON object.
LATHE_API LoadEvent parse_load_event(std::string_view json);
// The first model that the body of /v1/models names; empty where there is none. Throws kInvalid.
LATHE_API std::string first_model_id(std::string_view json);

// A service level objective; 0: none.
struct LoadObjective {
  double first_token = 0.0, per_token = 0.0;  // seconds
  double share = 0.99;                        // of the requests, that must keep it

  bool any() const noexcept { return first_token > 0.0 || per_token > 0.0; }
};

// "ttft=500ms,tpot=50ms"; also "0.5s". Throws kUsage.
LATHE_API LoadObjective parse_objective(std::string_view text);

struct LoadReport {
  double rate = 0.0;  // requests per second that came
  std::int64_t requests = 0, answered = 0, turned_away = 0, failed = 0;
  std::int64_t prompt_tokens = 0, tokens = 0;
  double seconds = 0.0;  // from the first request to the last answer
  Percentiles first_token, per_token, between, total;
  std::int64_t kept = 0;  // answers that kept the objective
  std::string first_error;

  double throughput() const noexcept {  // tokens per second, of prompts and answers
    return seconds > 0 ? static_cast<double>(prompt_tokens + tokens) / seconds : 0.0;
  }
  double goodput() const noexcept {
    return seconds > 0 ? static_cast<double>(kept) / seconds : 0.0;
  }
  bool holds(const LoadObjective& objective) const noexcept {
    return static_cast<double>(kept) >= objective.share * static_cast<double>(requests);
  }
};

LATHE_API LoadReport summarize_load(std::span<const LoadRequest> plan,
                                    std::span<const LoadOutcome> outcomes,
                                    const LoadObjective& objective);

// A table, a line for each report; and a JSON document ("lathe.load/1").
LATHE_API std::string load_text(std::span<const LoadReport> reports, const LoadObjective& objective,
                                std::size_t width);
LATHE_API std::string load_json(std::span<const LoadReport> reports,
                                const LoadObjective& objective);
// Latency against rate, a curve for each percentile, as SVG; at least one report.
LATHE_API std::string load_svg(std::span<const LoadReport> reports, const LoadObjective& objective);

}  // namespace lathe
