// A file or pipe of prompts in, a record for each out (lathe/batch_row.h, lathe/records.h).
//
//   lines ── a thread reads ahead: rows, token ids ──> Engine ──> records, in the rows' order
//
// The input may be endless: lines are read as they come, and only so far ahead that the engine
// never waits; a line that takes long to be read holds up no other. A row that cannot be used, or
// whose request fails, gives a record with an "error"; n lines give n records whatever fails.
//
// Errors: as LineSource and RecordLog, and what the runner's step() throws; everything that was
// read before has its record then. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/batch_row.h"
#include "lathe/checkpoint_parts.h"
#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/host/records.h"

namespace lathe {

struct BatchProgress {
  std::uint64_t done = 0, failed = 0;  // records of this run and of what it resumes
  std::uint64_t total = 0;  // lines; an estimate until the end was read, 0 where there is none
  std::int64_t prompt_tokens = 0, generated_tokens = 0;  // of this run, also of unfinished rows
  double seconds = 0.0;
  double seconds_left = 0.0;  // by the tokens, also of unfinished rows; 0: nothing to go by
};

struct BatchOptions {
  bool lines = false;  // each line is a prompt, not a JSON object
  RowDefaults defaults;
  bool timings = false;   // records have times and cached tokens, which differ from run to run
  std::uint64_t run = 0;  // of the records' fingerprints: model and options
  std::string model;      // as OpenAI's records name it
  bool vectors = false;   // wanted of the rows' prompts, of an Embedder
  std::int64_t submitted = 64;  // rows that the engine holds at once, waiting ones included
  std::size_t longest_line = std::size_t{16} << 20;  // bytes; a longer one is an error
  std::function<void(const BatchProgress&)> on_progress;
  // Asked between steps: true ends the run after the record at hand; rows that run are dropped,
  // those that are finished have their records, also where earlier ones have not.
  std::function<bool()> stop;
};

// Seconds; all 0 where nothing was measured.
struct Percentiles {
  double mean = 0.0, p50 = 0.0, p90 = 0.0, p99 = 0.0, max = 0.0;
};

LATHE_API Percentiles percentiles(std::vector<double> values);

struct BatchSummary {
  bool stopped = false;       // options.stop said so
  std::uint64_t records = 0;  // = ok + failed
  std::uint64_t ok = 0, failed = 0;
  std::uint64_t resumed = 0;  // of the records, those that an earlier run left
  // Of the answers of this run, those that their judge did not accept, and what he cost.
  std::uint64_t check_failed = 0;
  std::int64_t checks = 0, checks_rejected = 0, dropped_tokens = 0;
  // Of this run:
  std::int64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  double seconds = 0.0;
  Percentiles first_token;  // from when a request first runs to its first token
  Percentiles per_token;    // the time for each further one, a request's mean
  Percentiles total;        // from when a request first runs to its end

  LATHE_API double tokens_per_second() const noexcept;  // prompts and answers
};

// The options' part of a fingerprint: everything of the defaults that changes an answer or its
// record. (The model's part is content_hash.)
LATHE_API std::uint64_t options_hash(const BatchOptions& options);
// What tells one model from another: fingerprint() of the checkpoint, and its tokenizer.
LATHE_API std::uint64_t content_hash(const Checkpoint& checkpoint);

// True for a record with an "error".
LATHE_API bool is_error_record(std::string_view record);
// True for one with an answer that its judge did not accept (lathe/answer_check.h).
LATHE_API bool is_check_failed_record(std::string_view record);

// `input`: a file, "-" for standard input. `earlier_failed`: how many of log.earlier() are
// errors. `log` is finished unless the run was stopped.
LATHE_API BatchSummary run_batch(RequestRunner& runner, std::shared_ptr<const Tokenizer> tokenizer,
                                 const std::string& input, RecordLog& log,
                                 const BatchOptions& options, std::uint64_t earlier_failed = 0);

}  // namespace lathe
