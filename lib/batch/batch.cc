#include "lathe/batch.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <unordered_map>
#include <utility>

#include "lathe/answer_check.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "batch/batch_record.h"
#include "batch/row_error.h"
#include "batch/row_reader.h"
#include "batch/time_sample.h"

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Records that wait in memory for an earlier one (on standard output). Beyond this no row is begun
// until that one is there.
constexpr std::size_t kMaxHeld = 4096;
constexpr std::size_t kMaxHeldBytes = std::size_t{64} << 20;
// How long a signal may go unnoticed while the input is awaited.
constexpr milliseconds kPatience{100};

class Batch {
 public:
  Batch(RequestRunner& engine, const Tokenizer& tokenizer, RowReader& rows, RecordLog& log,
        const BatchOptions& options, std::uint64_t earlier_failed)
      : engine_(engine), tokenizer_(tokenizer), rows_(rows), log_(log), options_(options) {
    summary_.resumed = log.earlier();
    summary_.failed = earlier_failed;
    summary_.ok = log.earlier() - earlier_failed;
    before_ = engine.stats();
  }

  BatchSummary run() {
    try {
      answer_all();
    } catch (...) {
      release_held();
      throw;
    }
    finish_summary();
    if (summary_.stopped) {
      log_.release();
      return std::move(summary_);
    }
    if (broken_input_) std::rethrow_exception(broken_input_);
    log_.finish(index_end_);
    return std::move(summary_);
  }

 private:
  void answer_all() {
    while (!stopped()) {
      admit();
      if (engine_.idle() && input_ended()) break;
      for (const Completion& done : engine_.step()) take(done);
      report();
    }
  }

  // An answer that is finished is not lost because one before it will never be.
  void release_held() {
    try {
      log_.release();
    } catch (...) {
      // The log itself is what failed: that error is on its way.
    }
  }

  bool asked_to_stop() const { return options_.stop && options_.stop(); }

  bool stopped() {
    summary_.stopped = asked_to_stop();
    return summary_.stopped;
  }

  bool has_room() const {
    return std::cmp_less(running_.size(), options_.submitted) && log_.held() < kMaxHeld &&
           log_.held_bytes() < kMaxHeldBytes;
  }

  bool input_ended() const { return rows_.ended() || broken_input_; }

  // The next row, if there is one now. What was read before a broken place still gets its records.
  std::optional<ReadyRow> next_row() {
    try {
      for (;;) {
        // Where nothing runs there is time to wait; otherwise what runs goes on. A file's rows
        // are waited for unless one takes long: they are nearly there, and each run then makes the
        // same steps.
        const bool comes_soon = rows_.reads_file() && !rows_.held_up();
        auto row = rows_.next(engine_.idle() || comes_soon ? kPatience : milliseconds(0));
        if (row || rows_.ended() || !comes_soon || asked_to_stop()) return row;
      }
    } catch (const Error&) {
      broken_input_ = std::current_exception();
      return std::nullopt;
    }
  }

  void admit() {
    while (!input_ended() && has_room()) {
      auto ready = next_row();
      if (!ready) return;
      index_end_ = std::max(index_end_, ready->index + 1);
      if (!ready->done) begin(*std::move(ready));
      report();
      // Rows that need no engine leave no step after which to ask.
      if (engine_.idle() && asked_to_stop()) return;
    }
  }

  RecordContext context(const ReadyRow& ready) const {
    return {ready.index, ready.fingerprint, options_.timings, options_.model, options_.vectors};
  }

  void begin(ReadyRow ready) {
    const double timeout = ready.row.timeout;
    if (!ready.row.error && timeout > 0.0 && ready.seconds >= timeout) {
      ready.timed_out = true;
      ready.row.error = timed_out(timeout);
    }
    if (ready.row.error) {
      fail_row(ready, *ready.row.error, ready.timed_out ? kTimeout : nullptr);
      return;
    }
    Request request;
    const std::int64_t most = most_tokens(ready);
    request.prompt = std::move(ready.prompt);
    request.options = ready.row.options;
    request.samples = options_.vectors ? 0 : ready.row.samples;
    // What reading and encoding took is part of it.
    request.timeout = timeout > 0.0 ? timeout - ready.seconds : 0.0;
    try {
      const RequestId id = engine_.submit(std::move(request));
      running_.emplace(id, std::move(ready));
      running_most_ += most;
    } catch (const Error& error) {
      fail_row(ready, row_error(error));
    }
  }

  void fail_row(const ReadyRow& ready, const Failure& error, const char* name = nullptr) {
    ++summary_.failed;
    log_.add(ready.index, error_record(ready.row, name != nullptr ? name : to_string(error.code),
                                       error.message, context(ready)));
  }

  void take(const Completion& done) {
    const auto at = running_.find(done.id);
    if (at == running_.end()) fail(ErrorCode::kBug, "request {} ended twice", done.id);
    const ReadyRow ready = std::move(at->second);
    running_.erase(at);
    note_end(done, ready);
    if (done.error) {
      const double timeout = ready.row.timeout;
      const double taken = ready.seconds + done.timings.total - done.timings.queued;
      if (done.error->code == ErrorCode::kLimit && timeout > 0.0 && taken >= timeout) {
        fail_row(ready, timed_out(timeout), kTimeout);
      } else {
        fail_row(ready, row_error(*done.error));
      }
      return;
    }
    std::string record;
    try {
      record = answer_record(ready.row, done, tokenizer_, context(ready));
    } catch (const Error& error) {  // a log-probability that is no number
      fail_row(ready, row_error(error));
      return;
    }
    ++summary_.ok;
    measure(done);
    note_checks(done);
    log_.add(ready.index, std::move(record));
  }

  void measure(const Completion& done) {
    std::size_t tokens = 0, longest = 0;
    for (const Generation& sample : done.samples) {
      tokens += sample.ids.size();
      longest = std::max(longest, sample.ids.size());
    }
    const CompletionTimings& t = done.timings;
    if (tokens > 0) first_token_.add(t.first_token - t.queued);
    // The samples of a request decode side by side.
    if (longest > 1) per_token_.add(t.decode / static_cast<double>(longest - 1));
    total_.add(t.total - t.queued);
  }

  void note_checks(const Completion& done) {
    bool failed = false;
    for (const Generation& sample : done.samples) {
      if (sample.check == nullptr) continue;
      summary_.checks += sample.check->judged;
      summary_.checks_rejected += sample.check->rejected;
      summary_.dropped_tokens += sample.check->dropped_tokens;
      failed = failed || sample.check->failed.has_value();
    }
    if (failed) ++summary_.check_failed;
  }

  // Of a prompt (or as many as it has) and its answers; of an answer without a limit, none.
  std::int64_t tokens_of(std::int64_t prompt, const ReadyRow& ready) const {
    if (options_.vectors) return prompt;  // nothing is written
    const std::int64_t each = std::max<std::int64_t>(0, ready.row.options.max_tokens);
    return prompt + ready.row.samples * each;
  }
  std::int64_t most_tokens(const ReadyRow& ready) const {
    return tokens_of(static_cast<std::int64_t>(ready.prompt.size()), ready);
  }

  void note_end(const Completion& done, const ReadyRow& ready) {
    running_most_ -= tokens_of(done.prompt_tokens, ready);
    ++ended_;
    ended_tokens_ += done.prompt_tokens;
    for (const Generation& sample : done.samples) {
      ended_tokens_ += static_cast<std::int64_t>(sample.ids.size());
    }
  }

  // Rows that run are taken to use what they may, and those to come to be like all so far.
  double seconds_left(const BatchProgress& now) const {
    const auto known = static_cast<double>(ended_ + running_.size());
    const auto computed = static_cast<double>(now.prompt_tokens + now.generated_tokens);
    if (now.total == 0 || known == 0 || computed <= 0) return 0.0;
    const auto here = static_cast<double>(ended_tokens_ + running_most_);
    const auto to_come = static_cast<double>(now.total - std::min(now.total, now.done)) -
                         static_cast<double>(running_.size());
    const double left = here - computed + std::max(0.0, to_come) * here / known;
    return std::max(0.0, left * now.seconds / computed);
  }

  void report() {
    if (!options_.on_progress) return;
    const EngineStats now = engine_.stats();
    BatchProgress progress;
    progress.done = summary_.ok + summary_.failed;
    progress.failed = summary_.failed;
    progress.total = log_.own(rows_.expected_lines());
    progress.prompt_tokens = now.prompt_tokens - before_.prompt_tokens;
    progress.generated_tokens = now.generated_tokens - before_.generated_tokens;
    progress.seconds = seconds_since(started_);
    progress.seconds_left = seconds_left(progress);
    options_.on_progress(progress);
  }

  void finish_summary() {
    const EngineStats now = engine_.stats();
    summary_.records = summary_.ok + summary_.failed;
    summary_.prompt_tokens = now.prompt_tokens - before_.prompt_tokens;
    summary_.cached_tokens = now.cached_tokens - before_.cached_tokens;
    summary_.generated_tokens = now.generated_tokens - before_.generated_tokens;
    summary_.seconds = seconds_since(started_);
    summary_.first_token = first_token_.percentiles();
    summary_.per_token = per_token_.percentiles();
    summary_.total = total_.percentiles();
  }

  RequestRunner& engine_;
  const Tokenizer& tokenizer_;
  RowReader& rows_;
  RecordLog& log_;
  const BatchOptions& options_;
  EngineStats before_;
  Clock::time_point started_ = Clock::now();
  std::unordered_map<RequestId, ReadyRow> running_;
  std::uint64_t index_end_ = 0;  // lines seen
  // Tokens that the rows which run may come to, and that those which ended came to.
  std::int64_t running_most_ = 0, ended_tokens_ = 0;
  std::uint64_t ended_ = 0;
  std::exception_ptr broken_input_;
  TimeSample first_token_, per_token_, total_;
  BatchSummary summary_;
};

}  // namespace

Percentiles percentiles(std::vector<double> values) {
  Percentiles out;
  if (values.empty()) return out;
  std::sort(values.begin(), values.end());
  for (const double value : values) out.mean += value / static_cast<double>(values.size());
  // Nearest rank: always a value that was measured.
  const auto at = [&](double share) {
    const auto rank = static_cast<std::size_t>(
        std::max(1.0, std::min(share * static_cast<double>(values.size()) + 0.999999,
                               static_cast<double>(values.size()))));
    return values[rank - 1];
  };
  out.p50 = at(0.50);
  out.p90 = at(0.90);
  out.p99 = at(0.99);
  out.max = values.back();
  return out;
}

double BatchSummary::tokens_per_second() const noexcept {
  return seconds > 0 ? static_cast<double>(prompt_tokens + generated_tokens) / seconds : 0.0;
}

BatchSummary run_batch(RequestRunner& runner, std::shared_ptr<const Tokenizer> tokenizer,
                       const std::string& input, RecordLog& log, const BatchOptions& options,
                       std::uint64_t earlier_failed) {
  const auto most_rows = static_cast<std::size_t>(std::max<std::int64_t>(16, options.submitted));
  RowReader rows(tokenizer, input, log, options, most_rows);
  return Batch(runner, *tokenizer, rows, log, options, earlier_failed).run();
}

}  // namespace lathe
