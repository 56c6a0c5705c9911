// A run as one HTML page: scores with intervals, a table by subject, the published scores, and
// each question with its picture, program, options, the model's words and the verdict.
//
// The page is one file that loads nothing: style and script stand in it, allowed by their
// hashes alone (Content-Security-Policy), and all text of programs and models is data in JSON
// that becomes text nodes, or a picture inside an <img>, where no script runs. It builds what is
// looked at, so 10,000 questions open at once. The texts in it are bounded to kSgpReportMostText
// bytes: when a run has more, the longest ones are cut, and say so.
//
// The same input gives the same bytes. Errors: those of the sink. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lathe/export.h"
#include "lathe/sgp/leaderboard.h"
#include "lathe/sgp/measures.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/record.h"
#include "lathe/sgp/summary.h"

namespace lathe {

inline constexpr std::uint64_t kSgpReportMostText = std::uint64_t{48} << 20;

struct SgpReport {
  std::string title;                        // "model.lathe on svg, cad"; empty: made of the facts
  const SgpQuestions* questions = nullptr;  // those of the records, by split and position
  std::span<const SgpRecord> records;
  std::span<const SgpRecord> baseline;          // may be empty
  const SgpSummary* summary = nullptr;          // must be there
  const SgpRunFacts* facts = nullptr;           // must be there
  const SgpComparison* comparison = nullptr;    // null: none
  const SgpLeaderboard* leaderboard = nullptr;  // null: not shown
};

LATHE_API void write_sgp_report(const SgpReport& report,
                                const std::function<void(std::string_view)>& sink);

}  // namespace lathe
