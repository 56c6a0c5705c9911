// A run's scores for people and for programs. Thread-safe.
#pragma once

#include <string>

#include "lathe/export.h"
#include "lathe/sgp/leaderboard.h"
#include "lathe/sgp/measures.h"

namespace lathe {

// Facts beside the scores.
struct SgpRunFacts {
  std::string model;     // "" where responses came from elsewhere
  std::string protocol;  // "reference", "robust", "logprob"
  std::string baseline;  // path; "": none
  double seconds = 0.0;  // 0: no model ran
};

// A table. `comparison` may be null; its changed questions are listed when `changes` is true.
LATHE_API std::string sgp_summary_text(const SgpSummary& summary, const SgpRunFacts& facts,
                                       const SgpComparison* comparison, bool changes);

// One object, schema lathe.sgp-eval/1 (sgp-eval(1)). Null leaves the last two out.
LATHE_API std::string sgp_summary_json(const SgpSummary& summary, const SgpRunFacts& facts,
                                       const SgpComparison* comparison,
                                       const SgpLeaderboard* leaderboard = nullptr);

}  // namespace lathe
