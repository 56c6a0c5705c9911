// Questions about programs that draw, as SGP-Bench (arXiv 2408.08313) stores them, and any
// multiple-choice file in such columns.
//
//   CSV | JSONL, plain or .zst ── load_sgp_data() ── SgpDataset: one SgpQuestion per row
//
// CSV columns are found by their header, whatever the case: PID (or id, or a first column
// without a name, as pandas writes its index), Question, A to Z (2 to 26 of them, without a gap),
// Answer, Subject (or Category), Split. A file without option columns asks for a free answer, as
// the benchmark's mnist does. JSON lines have the same keys; `options` or `choices` may hold the
// options as an array, or as an object by letter. `columns` says otherwise:
//
//   "Question,A,B,C,D,Answer"       the file has no header; these are its columns ("-": not used)
//   "Question=stem,Answer=key"      the file's own names for some of them
//
// Loaders of data frames and data sets turn the option "None" into null or an empty field, and
// the benchmark's reference prints it as None: so is an option that is null or empty before
// another one, or is the answer, or is the only such one of four. Other empty options at the end
// are none: the question has fewer.
//
// A row that cannot be used (ragged, an answer that is none of the letters, no JSON, over the
// limit on length, the same question of the same split, subject and id once more) stays in its
// place with `error` set; the others are not touched by it. What makes the file as a whole
// useless throws: kInvalid for a missing or repeated column, broken zstd, a file without rows;
// kIo; kLimit for more than kSgpMostBytes or kSgpMostBadRows. Free functions are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/sgp/question.h"

namespace lathe {

// Of one file, unpacked.
inline constexpr std::uint64_t kSgpMostBytes = std::uint64_t{1} << 30;
// Of one row.
inline constexpr std::uint64_t kSgpMostRowBytes = std::uint64_t{64} << 20;
// Of all files: more rows that cannot be used, and they are no files of questions.
inline constexpr std::int64_t kSgpMostBadRows = 100'000;

struct SgpDataOptions {
  std::string columns;
  std::vector<std::string> splits;    // keep these only ("inv*": all that begin so); empty: all
  std::vector<std::string> subjects;  // keep these only, whatever the case; empty: all
  std::int64_t limit = 0;             // questions per split; 0: all
  // With a limit: a sample by this seed instead of the first ones. The same ids (the same rows
  // where the file has none) are chosen in every split, so that copies of a picture stay
  // comparable.
  std::optional<std::uint64_t> seed;
};

struct SgpDataset {
  SgpQuestions questions;   // in the order of files and rows
  std::string fingerprint;  // 16 hex digits: of the files' unpacked bytes and the options
};

// A path may be a folder: its .csv, .jsonl, .csv.zst and .jsonl.zst files then, by name.
// Rows with an error pass the filter on subjects, and count for no limit.
LATHE_API SgpDataset load_sgp_data(std::span<const std::string> paths,
                                   const SgpDataOptions& options = {});

}  // namespace lathe
