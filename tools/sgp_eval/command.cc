#include "sgp_eval/command.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lathe/batch.h"
#include "lathe/host/escape.h"
#include "lathe/sgp/dataset.h"
#include "lathe/sgp/evaluation.h"
#include "lathe/sgp/leaderboard.h"
#include "lathe/sgp/prompts.h"
#include "lathe/sgp/report.h"
#include "lathe/sgp/responses.h"
#include "lathe/sgp/summary.h"

#include "common/given.h"
#include "common/output.h"
#include "common/process.h"
#include "common/progress_bar.h"
#include "common/seconds.h"
#include "common/tool.h"
#include "sgp_eval/extras.h"
#include "sgp_eval/gates.h"
#include "sgp_eval/model.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

SgpProtocol protocol_of(const std::string& name) {
  if (name == "robust") return SgpProtocol::kRobust;
  return name == "logprob" ? SgpProtocol::kLogprob : SgpProtocol::kReference;
}

std::string system_message(const SgpOptions& o, const std::string& model_names) {
  if (given(o.system_option)) return o.system;
  return sgp_uses_system_message(model_names) ? std::string(kSgpSystemMessage) : std::string();
}

SgpDataset load_data(const SgpOptions& o) {
  if (o.data.empty()) return {};
  SgpDataOptions how;
  how.columns = o.columns;
  how.splits = o.split_names();
  how.subjects = o.subject_names();
  how.limit = o.limit;
  if (given(o.seed_option)) how.seed = o.seed;
  return load_sgp_data(o.data, how);
}

// Names that a gate may have. `all`: SgpQuestions or records.
template <typename All>
std::set<std::string> names_in(const All& all) {
  std::set<std::string> names;
  for (const auto& one : all) {
    names.insert(one.split);
    if (!one.subject.empty()) names.insert(one.split + '/' + one.subject);
  }
  return names;
}

// One run of the program: what it was given, and what it comes to.
class Command {
 public:
  Command(const Tool& tool, const SgpOptions& options)
      : tool_(tool), options_(options), gates_(tool, options.gates) {}

  int run() {
    data_ = load_data(options_);
    if (!options_.perturb.empty()) return perturb(tool_, options_, data_);
    if (!options_.export_sit.empty()) return export_tuning(tool_, options_, data_);
    run_.protocol = protocol_of(options_.protocol);
    run_.max_tokens = options_.max_tokens;
    run_.timings = options_.timings;
    if (options_.emit_prompts) return emit_prompts();
    // At once: a name that can't be written, a gate for nothing shall not show after hours.
    if (!options_.report.empty()) page_.emplace(options_.report, tool_.common().force);
    if (!options_.baseline.empty()) {
      baseline_ = read_sgp_records(options_.baseline);
      if (!options_.data.empty()) check_gates(data_.questions);
    }
    if (!options_.records.empty()) {
      const Shard shard = options_.shard.empty() ? Shard() : parse_shard(options_.shard);
      file_ = std::make_unique<SgpRecordFile>(
          options_.records, RecordLogOptions{tool_.common().force, options_.resume, true, shard});
    }
    if (options_.responses.empty()) {
      ask();
    } else {
      score();
    }
    return report();
  }

 private:
  int emit_prompts() {
    run_.system = system_message(options_, sgp_model_names(tool_.common().model, nullptr));
    Output output(tool_.common().output, tool_.common().force);
    const std::int64_t bad = write_sgp_prompts(
        data_.questions, run_, [&](std::string_view line) { output.write(line); },
        [&](const Failure& failure) { tool_.warn(failure.message); });
    output.finish();
    return bad > 0 ? 1 : 0;
  }

  // Refuses gates for what is not in both runs.
  template <typename All>
  void check_gates(const All& ours) const {
    if (options_.gates.empty()) return;
    std::set<std::string> common;
    const std::set<std::string> here = names_in(ours), there = names_in(baseline_);
    std::set_intersection(here.begin(), here.end(), there.begin(), there.end(),
                          std::inserter(common, common.end()));
    gates_.check_concern(common);
  }

  void score() {
    facts_.protocol = options_.protocol;
    if (options_.data.empty()) {
      records_ = read_sgp_records(options_.responses);
      check_gates(records_);
      for (SgpRecord& record : records_) read_sgp_record_as(record, run_.protocol);
    } else {
      run_.system = system_message(options_, sgp_model_names(tool_.common().model, nullptr));
      SgpScored scored =
          score_sgp_responses(data_.questions, read_sgp_responses(options_.responses), run_);
      for (const std::string& warning : scored.warnings) tool_.warn(warning);
      failed_lines_ = static_cast<std::int64_t>(scored.warnings.size());
      records_ = std::move(scored.records);
      if (file_) write_sgp_records(data_.questions, records_, run_, *file_);
    }
    const bool probabilities =
        std::any_of(records_.begin(), records_.end(),
                    [](const SgpRecord& r) { return r.logprobs.has_value(); });
    if (probabilities) facts_.protocol = "logprob";
  }

  void ask() {
    const CommonValues& common = tool_.common();
    facts_.protocol = options_.protocol;
    SgpModelOptions how{common.model,       options_.chat_template, options_.kv_type,
                        options_.max_batch, options_.kv_memory,     common.threads_or_default(),
                        options_.lora,      options_.context,       options_.workers};
    SgpModel model = open_sgp_model(tool_, how);
    run_.system = system_message(options_, sgp_model_names(common.model, model.checkpoint.get()));
    std::uint64_t identity = content_hash(*model.checkpoint);
    if (!model.adapter.empty()) {
      identity = hash_parts({fmt::format("{:016x}", identity), model.adapter});
    }
    if (options_.context > 0) {  // where answers end depends on it
      identity = hash_parts(
          {fmt::format("{:016x}", identity), fmt::format("{} positions", options_.context)});
    }
    SgpRun run(*model.engine, model.speaker, run_);
    SgpModel judge;
    if (!options_.judge.empty()) {
      how.path = options_.judge;
      how.workers = {};
      how.chat_template.clear();
      how.lora.clear();
      how.context = 0;
      judge = open_sgp_model(tool_, how);
      const std::string names = sgp_model_names(options_.judge, judge.checkpoint.get());
      run.use_judge(*judge.engine, judge.speaker, system_message(options_, names));
      identity = hash_parts({fmt::format("{:016x}", identity),
                             fmt::format("{:016x}", content_hash(*judge.checkpoint))});
    }
    if (file_ && file_->earlier() > 0) {
      tool_.note(fmt::format("{} of {} questions are answered in {}", file_->earlier(),
                             data_.questions.size(), lathe::quoted(options_.records)));
    }
    SgpEvaluationOptions evaluation;
    evaluation.run = sgp_run_hash(identity, options_.chat_template, options_.kv_type, run_);
    ProgressBar bar(tool_, "sgp-eval");
    evaluation.on_progress = [&bar](const SgpProgress& p) {
      const double share = p.asked == 0 ? 0.0 : p.right / static_cast<double>(p.asked);
      bar.update(p.done, p.total, fmt::format("{:.1f} % right", 100.0 * share));
    };
    evaluation.stop = [] { return stop_signal() != 0; };
    stop_at_next_step();
    const Clock::time_point started = Clock::now();
    SgpEvaluation done = evaluate_sgp(run, run_, data_.questions, file_.get(), evaluation);
    bar.finish();
    if (done.stopped) end_stopped(done);
    stop_at_once();
    records_ = std::move(done.records);
    facts_.seconds = seconds_since(started);
    tell_speed(model.engine->stats(), done.asked);
  }

  // After INT, TERM, HUP or QUIT: says what is left of the run, and ends as the signal would.
  [[noreturn]] void end_stopped(const SgpEvaluation& done) {
    if (file_ && file_->log().written() == 0) {
      tool_.note("stopped before the first record");
    } else if (file_) {
      tool_.note(fmt::format("stopped; {} of {} records are in {}; --resume continues",
                             file_->log().written(), data_.questions.size(),
                             lathe::quoted(options_.records + ".partial")));
    } else {
      tool_.note(fmt::format("stopped after {} of {} questions; without --records nothing is kept",
                             done.records.size(), data_.questions.size()));
    }
    die_of_signal(stop_signal());
  }

  void tell_speed(const EngineStats& stats, std::size_t asked) const {
    const double cached = stats.prompt_tokens == 0
                              ? 0.0
                              : 100.0 * static_cast<double>(stats.cached_tokens) /
                                    static_cast<double>(stats.prompt_tokens);
    tool_.note(fmt::format(
        "{} questions in {:.1f} s, {:.0f} per minute; {} prompt tokens ({:.0f} % of them shared), "
        "{} generated",
        asked, facts_.seconds,
        facts_.seconds > 0 ? 60.0 * static_cast<double>(asked) / facts_.seconds : 0.0,
        stats.prompt_tokens, cached, stats.generated_tokens));
  }

  int report() {
    const SgpSummary summary = summarize_sgp(records_);
    facts_.model = tool_.common().model;
    facts_.baseline = options_.baseline;
    std::optional<SgpComparison> comparison;
    if (!options_.baseline.empty()) comparison = compare_sgp(records_, baseline_);
    const SgpComparison* compared = comparison ? &*comparison : nullptr;
    const std::string name = facts_.model.empty() ? "these responses" : facts_.model;
    const SgpLeaderboard board = sgp_leaderboard(summary, name, facts_.protocol);
    const SgpLeaderboard* published = options_.leaderboard ? &board : nullptr;
    Output output(tool_.common().output, tool_.common().force);
    if (tool_.common().json()) {
      output.write(sgp_summary_json(summary, facts_, compared, published));
    } else {
      output.write(sgp_summary_text(summary, facts_, compared, options_.changes));
      if (published != nullptr) output.write("\n" + sgp_leaderboard_text(board, output.columns()));
    }
    output.finish();
    if (page_) write_page(summary, compared, published);
    tell_failures(summary);
    const bool passed = compared == nullptr || gates_.hold(*compared);
    return passed && summary.overall.errors == 0 && failed_lines_ == 0 ? 0 : 1;
  }

  void write_page(const SgpSummary& summary, const SgpComparison* comparison,
                  const SgpLeaderboard* published) {
    SgpReport page;
    page.questions = &data_.questions;
    page.records = records_;
    page.baseline = baseline_;
    page.summary = &summary;
    page.facts = &facts_;
    page.comparison = comparison;
    page.leaderboard = published;
    write_sgp_report(page, [&](std::string_view text) { page_->write(text); });
    page_->finish();
  }

  void tell_failures(const SgpSummary& summary) const {
    constexpr std::int64_t kShown = 20;
    std::int64_t told = 0;
    for (const SgpRecord& record : records_) {
      if (!record.error || ++told > kShown) continue;
      tool_.warn(record.prompt_hash.empty()
                     ? record.error->message
                     : fmt::format("{}/{}: {}", escape_for_terminal(record.split),
                                   escape_for_terminal(record.id), record.error->message));
    }
    if (told > kShown) tool_.warn(fmt::format("{} more failed", told - kShown));
    const SgpShare& all = summary.overall;
    tool_.note(fmt::format("{} questions = {} scored + {} failed ({} bad rows, {} not asked)",
                           all.questions(), all.count, all.errors, summary.bad_rows,
                           summary.not_run));
  }

  const Tool& tool_;
  const SgpOptions& options_;
  SgpGates gates_;
  SgpDataset data_;
  SgpRunOptions run_;
  std::vector<SgpRecord> records_, baseline_;
  std::unique_ptr<SgpRecordFile> file_;  // --records
  SgpRunFacts facts_;
  std::optional<Output> page_;  // --report
  std::int64_t failed_lines_ = 0;
};

}  // namespace

int run_sgp_eval(const Tool& tool, const SgpOptions& options) {
  check(tool, options);
  return Command(tool, options).run();
}

}  // namespace lathe::tool
