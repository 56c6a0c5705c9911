// Invariance sets from questions about SVG programs: the same questions, the pictures moved.
//
// The benchmark asks them about `inv` and five copies of it, inv_t0 … inv_t4 (shifted) or
// inv_r0 … inv_r4 (turned and shifted), and counts how often the answers agree. A program's
// moves depend on its bytes, the kind, the seed and the copy (svg_move.h), so questions on one
// picture see the same moves, and a part of a set gives a part of the result.
//
// A question whose program can't be moved exactly in every copy, or that has none, is left out
// of all sets alike, and is named in `refused`. Questions with `error` are passed on there too.
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/svg_move.h"

namespace lathe {

struct SgpPerturbOptions {
  SvgMoveKind kind = SvgMoveKind::kTranslate;
  int copies = 5;
  std::uint64_t seed = 0;
};

struct SgpPerturbNote {
  std::string id;
  std::int64_t row = 0;
  std::string message;
};

struct SgpPerturbed {
  struct Set {
    std::string name;  // "inv", "inv_t0", ...
    SgpQuestions questions;
  };
  std::vector<Set> sets;                // the originals first
  std::vector<SgpPerturbNote> notes;    // moved exactly, but an element was given a transform
  std::vector<SgpPerturbNote> refused;  // in no set
  std::vector<SgpPerturbNote> moves;    // "copy 0: translate(3 -4)", as an SVG transform
};

// Throws kUsage for fewer than 1 or more than 100 copies.
LATHE_API SgpPerturbed perturb_sgp(const SgpQuestions& questions, const SgpPerturbOptions& options);

// As CSV in the benchmark's columns: PID, Question, A, B, ..., Answer, Subject (those that the
// questions have). Lines end with LF; quotes where they are needed.
LATHE_API std::string sgp_csv(const SgpQuestions& questions);

}  // namespace lathe
