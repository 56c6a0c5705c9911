// Scores of a run: accuracy with its uncertainty, by subject, by split and over all, and how
// consistent the answers to moved copies of a picture are.
//
// One denominator everywhere: every figure of a group is over its questions that were asked and
// answered, the answer "nothing that can be read" included. Those that could not be asked (a row
// that cannot be used, a prompt longer than the context, no response to be had) stand apart, as
// `errors`. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/record.h"

namespace lathe {

struct SgpShare {
  std::int64_t count = 0;  // asked
  double mean = 0.0;
  double std = 0.0;              // of the population, as the reference's numpy.std
  double standard_error = 0.0;   // of the mean: sqrt(mean · (1 - mean) / count)
  double low = 0.0, high = 0.0;  // 95 % (Wilson 1927)
  double answered = 0.0;         // share with an extracted answer
  std::int64_t errors = 0;       // could not be asked; in none of these figures

  std::int64_t questions() const noexcept { return count + errors; }
};

struct SgpSubject {
  std::string name;
  SgpShare share;
};

struct SgpSplit {
  std::string name;
  SgpShare share;
  std::vector<SgpSubject> subjects;  // in byte order; empty where the set has none
};

// The reference's consistency: per question the share of its majority answer among the six sets
// {inv, t0..t4} or {inv, r0..r4}, averaged over the questions that were asked in all present
// sets. "No answer" counts as an answer, so look at `answered` too. Sets are paired by position,
// as the reference does: the n-th question of a subject and id is the same one in each.
struct SgpConsistency {
  std::string name;  // "translation", "rotation"
  std::vector<std::string> splits;
  std::int64_t questions = 0;
  std::int64_t not_asked = 0;  // further ones, which not all sets could ask
  double consistency = 0.0;
  double accuracy = 0.0;  // mean of the sets' scores on these questions
  double answered = 0.0;
};

struct SgpSummary {
  SgpShare overall;
  std::vector<SgpSplit> splits;  // in byte order of their names
  std::vector<SgpConsistency> consistency;
  // Other readings of the same responses, over the same questions: "robust", "judge", "text",
  // "text per byte".
  std::vector<std::pair<std::string, SgpShare>> readings;
  std::int64_t prompt_tokens = 0, generated_tokens = 0;
  std::int64_t bad_rows = 0;  // of the errors: rows of the data that cannot be used
  std::int64_t not_run = 0;   // of the errors: prompts that did not fit the context, and such
};

// `scores` and `answered` of the questions that were asked, `errors` further ones.
LATHE_API SgpShare sgp_share(std::span<const double> scores, std::int64_t answered,
                             std::int64_t errors);
LATHE_API SgpSummary summarize_sgp(std::span<const SgpRecord> records);

// ---- two runs on the same questions

// McNemar's test on the questions that both have. The p-value is exact (binomial, two-sided)
// up to 1,000 discordant pairs, beyond that chi-squared with continuity correction.
struct SgpPaired {
  std::string name;  // "svg", "svg/color", "" for all
  std::int64_t count = 0;
  std::int64_t gained = 0;  // wrong in the baseline, right here
  std::int64_t lost = 0;
  double ours = 0.0, base = 0.0;  // accuracy on the common questions
  double p_value = 1.0;

  double difference() const noexcept { return ours - base; }
};

struct SgpChange {
  std::string split, id, subject;
  std::optional<std::string> ours, base;  // extracted
  double our_score = 0.0, base_score = 0.0;
};

struct SgpComparison {
  std::vector<SgpPaired> rows;     // all, then each split and each of its subjects
  std::vector<SgpChange> changed;  // questions whose score differs, in our order
  std::int64_t only_ours = 0, only_base = 0;
  std::int64_t not_asked = 0;     // common questions that one of the two could not ask
  std::int64_t other_prompt = 0;  // common questions that were asked with other words
};

LATHE_API SgpComparison compare_sgp(std::span<const SgpRecord> ours,
                                    std::span<const SgpRecord> base);

// "svg<-2%" (BenchGate's syntax, bench/compare.h): missed when the row of that name ("svg",
// "svg/color"; "" is all) lost more than two percentage points. Losing two exactly is not more:
// the questions gained and lost are counted, so that no rounding decides.
LATHE_API bool sgp_gate_missed(std::string_view name, double percent, const SgpPaired& row);

}  // namespace lathe
