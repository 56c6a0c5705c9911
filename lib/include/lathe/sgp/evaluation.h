// A whole evaluation: all questions of a data set, each with its record, in a file that an
// interruption leaves as it is and a later run continues (lathe/host/records.h).
//
//   SgpRecordFile file("svg.jsonl", {.resume = true});
//   SgpEvaluationOptions options;
//   options.run = sgp_run_hash(content_hash(*checkpoint), "", "f16", run_options);
//   SgpEvaluation done = evaluate_sgp(run, run_options, data.questions, &file, options);
//
// Records are kept, and written, in the order in which questions are asked (sgp_order()). Errors:
// as RecordLog, and what Engine::step() throws; what was answered before has its record then. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/export.h"
#include "lathe/host/records.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/record.h"
#include "lathe/sgp/run.h"

namespace lathe {

// A file of records, and what an earlier run left in it.
class LATHE_API SgpRecordFile {
 public:
  // Throws as RecordLog, at once; also kInvalid for lines that are no records of sgp-eval.
  SgpRecordFile(const std::string& path, const RecordLogOptions& options);

  // How many records an earlier run left.
  std::size_t earlier() const noexcept { return earlier_.size(); }
  const std::string& path() const noexcept { return path_; }
  RecordLog& log() noexcept { return log_; }
  // By index, in the file's order; they are moved out.
  std::vector<std::pair<std::uint64_t, SgpRecord>> take_earlier() { return std::move(earlier_); }

 private:
  std::string path_;
  std::vector<std::pair<std::uint64_t, SgpRecord>> earlier_;
  RecordLog log_;
};

// The part of a record's fingerprint that all records of a run share: who answers (content_hash()
// of the checkpoint; combine several by hash_parts()), by what chat template and type of keys and
// values, and the options that change records.
LATHE_API std::uint64_t sgp_run_hash(std::uint64_t model, std::string_view chat_template,
                                     std::string_view kv_type, const SgpRunOptions& options);

struct SgpProgress {
  std::size_t done = 0, total = 0;  // questions
  std::size_t asked = 0;            // of those done, the ones that could be asked
  double right = 0.0;               // the sum of their scores
};

struct SgpEvaluationOptions {
  std::uint64_t run = 0;  // sgp_run_hash()
  std::function<void(const SgpProgress&)> on_progress = {};
  // Asked between steps: true ends the run; the questions under way are dropped, those that are
  // answered have their records.
  std::function<bool()> stop = {};
};

struct SgpEvaluation {
  // One per question, in the order of asking; where it was stopped, only those that are answered.
  std::vector<SgpRecord> records;
  std::size_t asked = 0;  // by this run
  bool stopped = false;
};

// Asks what `file` has no record of; with a null `file` everything. `file` is finished unless the
// run was stopped.
LATHE_API SgpEvaluation evaluate_sgp(SgpRun& run, const SgpRunOptions& run_options,
                                     const SgpQuestions& questions, SgpRecordFile* file,
                                     const SgpEvaluationOptions& options);

// Writes records that were made without a model (score_sgp_responses()), one per question in the
// data's order, and finishes the file.
LATHE_API void write_sgp_records(const SgpQuestions& questions, std::span<const SgpRecord> records,
                                 const SgpRunOptions& run_options, SgpRecordFile& file);

}  // namespace lathe
