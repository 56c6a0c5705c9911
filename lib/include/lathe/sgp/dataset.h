// Questions about programs that draw, as SGP-Bench (arXiv 2408.08313) stores them, and any
// multiple-choice file in such columns.
//
//   CSV | JSONL, plain or .zst ── load_sgp_data() ── SgpDataset: one SgpQuestion per row
//
// CSV columns are found by their header, whatever the case: PID (or id, or a first column
// without a name, as pandas writes its index), Question, A to Z (2 to 26 of them, without a gap),
// Answer, Subject (or Category), Split. A file without option columns asks for a free answer, as
// the benchmark's mnist does. JSON lines have the same keys; `options` or `choices` may hold the
// options as an array. `columns` says otherwise:
//
//   "Question,A,B,C,D,Answer"       the file has no header; these are its columns ("-": not used)
//   "Question=stem,Answer=key"      the file's own names for some of them
//
// A row that cannot be used (ragged, an option missing, an answer that is none of the letters, no
// JSON, over the limit on length) stays in its place with `error` set; the others are not
// touched by it. What makes the file as a whole useless throws: kInvalid for a missing or
// repeated column, broken zstd, a file without rows; kIo; kLimit for more than `kSgpMostBytes`.
// Free functions are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/error.h"
#include "lathe/export.h"

namespace lathe {

// Of one file, unpacked.
inline constexpr std::uint64_t kSgpMostBytes = std::uint64_t{1} << 30;
// Of one row.
inline constexpr std::uint64_t kSgpMostRowBytes = std::uint64_t{64} << 20;

struct SgpError {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
};

struct SgpQuestion {
  std::string id;        // the file's, or SPLIT-ROW; unique within its split
  std::string split;     // "svg", "inv_t0", ...: the file's name without sgp_, _testset and endings
  std::string subject;   // "" where the file has none
  std::string question;  // as the file has it: preamble, program, hint, question
  std::vector<std::string> options;  // A, B, ...; empty: a free answer is asked for
  std::string answer;                // a letter, or the free answer
  std::string file;                  // as given
  std::int64_t row = 0;              // 1 is the first row of data
  std::optional<SgpError> error;     // the row cannot be used; id, split and row are there

  bool is_choice() const noexcept { return !options.empty(); }
};

struct SgpDataOptions {
  std::string columns;
  std::vector<std::string> splits;    // keep these only ("inv*": all that begin so); empty: all
  std::vector<std::string> subjects;  // keep these only, whatever the case; empty: all
  std::int64_t limit = 0;             // questions per split; 0: all
  // With a limit: a sample by this seed instead of the first ones. Questions with the same id
  // are chosen together in every split, so that copies of a picture stay comparable.
  std::optional<std::uint64_t> seed;
};

struct SgpDataset {
  std::vector<SgpQuestion> questions;  // in the order of files and rows
  std::string fingerprint;  // 16 hex digits: of the files' unpacked bytes and the options
};

// A path may be a folder: its .csv, .jsonl, .csv.zst and .jsonl.zst files then, by name.
// Rows with an error pass the filter on subjects, and count for no limit.
LATHE_API SgpDataset load_sgp_data(std::span<const std::string> paths,
                                   const SgpDataOptions& options = {});

// The parts of a question's text; views into it, without the blank lines between them.
struct SgpParts {
  enum class Language { kNone, kSvg, kCad, kSketch };  // kCad: DeepCAD's; kSketch: SketchGraphs'
  Language language = Language::kNone;
  std::string_view preamble;  // "Examine the following SVG code ..."
  std::string_view program;   // "<svg ...>...</svg>"; empty where none was found
  std::string_view hint;      // "Hint: the CAD code has the following syntax: ..."
  std::string_view question;  // what follows the last "Question:", or the whole text
};
LATHE_API SgpParts split_sgp_question(std::string_view text);

}  // namespace lathe
