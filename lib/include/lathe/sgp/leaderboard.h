// A run's scores among those published for SGP-Bench.
//
// The table is the one of the benchmark's project site (arXiv 2408.08313), in percent: SVG over
// all, by kind, CAD over all, by kind; blank where the site's figure is an arithmetic slip. It
// comes with the library. Rows are in order of the SVG score (of the CAD score for a run that
// has no SVG questions). Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/measures.h"

namespace lathe {

struct SgpLeaderboard {
  struct Row {
    std::string name;
    std::vector<std::optional<double>> scores;  // percent, one per column
    bool ours = false;
  };
  std::vector<std::string> columns;  // "svg", "svg_semantics", ..., "cad_2d"
  std::vector<Row> rows;
  std::vector<std::string> notes;  // what a reader must know to compare
};

// `name` is ours; `protocol` as in SgpRunFacts. Our row has scores for the splits svg and cad
// where all of the benchmark's questions (4,340, 2,400) were asked: figures on a part of them, or
// on other drawings, never stand beside the published ones. Without such a split the row is
// missing; a note says so.
LATHE_API SgpLeaderboard sgp_leaderboard(const SgpSummary& summary, const std::string& name,
                                         const std::string& protocol);

// `width`: columns of the terminal that it is for, 0 where there is none.
LATHE_API std::string sgp_leaderboard_text(const SgpLeaderboard& board, std::size_t width = 0);
// One object: columns, rows, notes.
LATHE_API std::string sgp_leaderboard_json(const SgpLeaderboard& board);

}  // namespace lathe
