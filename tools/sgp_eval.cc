// sgp-eval: SGP-Bench, questions about programs that draw, and other multiple-choice sets.
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/bench/compare.h"
#include "lathe/host/escape.h"
#include "lathe/host/records.h"
#include "lathe/lathe.h"
#include "lathe/sgp/measures.h"
#include "lathe/sgp/prompts.h"
#include "lathe/sgp/report.h"
#include "lathe/sgp/responses.h"
#include "lathe/sgp/run.h"
#include "lathe/sgp/summary.h"

#include "common/output.h"
#include "common/progress_bar.h"
#include "common/tool.h"
#include "sgp_eval/extras.h"
#include "sgp_eval/model.h"
#include "sgp_eval/options.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Clock = std::chrono::steady_clock;

SgpProtocol protocol_of(const std::string& name) {
  if (name == "robust") return SgpProtocol::kRobust;
  return name == "logprob" ? SgpProtocol::kLogprob : SgpProtocol::kReference;
}

std::string system_message(const SgpOptions& o, const std::string& model_names) {
  if (o.system_option->count() > 0) return o.system;
  return sgp_uses_system_message(model_names) ? std::string(kSgpSystemMessage) : std::string();
}

class Evaluation {
 public:
  Evaluation(const Tool& tool, const SgpOptions& options) : tool_(tool), options_(options) {}

  int run() {
    SgpDataOptions how;
    how.columns = options_.columns;
    how.splits = options_.split_names();
    how.subjects = options_.subject_names();
    how.limit = options_.limit;
    if (options_.seed_option->count() > 0) how.seed = options_.seed;
    data_ = load_sgp_data(options_.data, how);
    if (!options_.perturb.empty()) return perturb(tool_, options_, data_);
    if (!options_.export_sit.empty()) return export_tuning(tool_, options_, data_);
    run_.protocol = protocol_of(options_.protocol);
    run_.max_tokens = options_.max_tokens;
    run_.timings = options_.timings;
    if (options_.emit_prompts) return emit_prompts();
    // At once: a name that can't be written shall not show after hours.
    if (!options_.report.empty()) page_.emplace(options_.report, tool_.common().force);
    std::vector<SgpRecord> baseline;
    for (const std::string& gate : options_.gates) gates_.push_back(parse_gate(gate));
    if (!options_.baseline.empty()) baseline = read_sgp_records(options_.baseline);
    if (options_.responses.empty()) {
      ask();
    } else {
      score();
    }
    return report(baseline);
  }

 private:
  int emit_prompts() {
    run_.system = system_message(options_, sgp_model_names(tool_.common().model, nullptr));
    Output output(tool_.common().output, tool_.common().force);
    const std::vector<std::string> ids = sgp_prompt_ids(data_.questions);
    std::int64_t bad = 0;
    for (const std::size_t place : sgp_order(data_.questions)) {
      const SgpQuestion& question = data_.questions[place];
      if (question.error) {
        ++bad;
        tool_.warn(question.error->message);
      } else {
        output.write(sgp_prompt_line(ids[place], question, run_) + "\n");
      }
    }
    output.finish();
    return bad > 0 ? 1 : 0;
  }

  void score() {
    run_.system = system_message(options_, sgp_model_names(tool_.common().model, nullptr));
    SgpScored scored =
        score_sgp_responses(data_.questions, read_sgp_responses(options_.responses), run_);
    for (const std::string& warning : scored.warnings) tool_.warn(warning);
    failed_lines_ = static_cast<std::int64_t>(scored.warnings.size());
    records_ = std::move(scored.records);
    if (options_.records.empty()) return;
    RecordLog log(options_.records, {tool_.common().force, false, true});
    const std::uint64_t run = hash_parts({"responses", run_text()});
    for (std::size_t i = 0; i < records_.size(); ++i) {
      log.add(i, line_of(i, records_[i], fingerprint(run, i)));
    }
    log.finish(records_.size());
  }

  void ask() {
    const CommonValues& common = tool_.common();
    SgpModelOptions how{common.model, options_.chat_template, options_.kv_type, options_.max_batch,
                        common.threads_or_default()};
    SgpModel model = open_sgp_model(tool_, how);
    run_.system = system_message(options_, sgp_model_names(common.model, model.checkpoint.get()));
    std::string identity = sgp_model_identity(*model.checkpoint);
    SgpRun run(*model.engine, model.speaker, run_);
    SgpModel judge;
    if (!options_.judge.empty()) {
      how.path = options_.judge;
      how.chat_template.clear();
      judge = open_sgp_model(tool_, how);
      const std::string names = sgp_model_names(options_.judge, judge.checkpoint.get());
      run.use_judge(*judge.engine, judge.speaker, system_message(options_, names));
      identity += '+' + sgp_model_identity(*judge.checkpoint);
    }
    const std::uint64_t hash =
        hash_parts({identity, options_.chat_template, options_.kv_type, run_text()});

    // Records are kept, and written, in the order in which questions are asked.
    const std::vector<std::size_t> order = sgp_order(data_.questions);
    records_.resize(order.size());
    std::vector<std::size_t> rank(order.size()), open;
    for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
    std::unique_ptr<RecordLog> log = open_log(order, hash, open);
    const Clock::time_point started = Clock::now();
    ProgressBar bar(tool_, "sgp-eval");
    std::size_t done = order.size() - open.size();
    double right = 0.0;
    for (const SgpRecord& record : records_) right += record.score;
    run.ask(data_.questions, open, [&](std::size_t place, SgpRecord record) {
      right += record.score;
      ++done;
      if (log) log->add(rank[place], line_of(rank[place], record, fingerprint(hash, place)));
      records_[rank[place]] = std::move(record);
      bar.update(done, order.size(),
                 fmt::format("{:.1f} % right", 100.0 * right / static_cast<double>(done)));
    });
    bar.finish();
    if (log) log->finish(order.size());
    facts_.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    tell_speed(model.engine->stats(), open.size());
  }

  // Opens the file of records, if there is to be one; what an earlier run has answered goes to
  // records_, the places of the rest to `open`.
  std::unique_ptr<RecordLog> open_log(const std::vector<std::size_t>& order, std::uint64_t hash,
                                      std::vector<std::size_t>& open) {
    if (options_.records.empty()) {
      open = order;
      return nullptr;
    }
    std::vector<std::pair<std::uint64_t, SgpRecord>> earlier;
    auto log = std::make_unique<RecordLog>(
        options_.records, RecordLogOptions{tool_.common().force, options_.resume, true},
        [&](std::uint64_t index, std::string_view line) {
          earlier.emplace_back(index, parse_sgp_record(line, options_.records,
                                                       static_cast<std::int64_t>(index) + 1));
        });
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (!log->has(i, fingerprint(hash, order[i]))) open.push_back(order[i]);
    }
    for (auto& [index, record] : earlier) {
      if (index < records_.size()) records_[index] = std::move(record);
    }
    if (!earlier.empty()) {
      tool_.note(fmt::format("{} of {} questions are answered in {}", earlier.size(), order.size(),
                             lathe::quoted(options_.records)));
    }
    return log;
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

  int report(const std::vector<SgpRecord>& baseline) {
    const SgpSummary summary = summarize_sgp(records_);
    facts_.model = tool_.common().model;
    facts_.protocol = options_.protocol;
    facts_.baseline = options_.baseline;
    std::optional<SgpComparison> comparison;
    if (!options_.baseline.empty()) comparison = compare_sgp(records_, baseline);
    const SgpComparison* compared = comparison ? &*comparison : nullptr;
    const std::string name = facts_.model.empty() ? "these responses" : facts_.model;
    const SgpLeaderboard board = sgp_leaderboard(summary, name, options_.protocol);
    const SgpLeaderboard* published = options_.leaderboard ? &board : nullptr;
    Output output(tool_.common().output, tool_.common().force);
    if (tool_.common().json()) {
      output.write(sgp_summary_json(summary, facts_, compared, published));
    } else {
      output.write(sgp_summary_text(summary, facts_, compared, options_.changes));
      if (published != nullptr) output.write("\n" + sgp_leaderboard_text(board));
    }
    output.finish();
    if (page_) {
      SgpReport page;
      page.questions = data_.questions;
      page.records = records_;
      page.baseline = baseline;
      page.summary = &summary;
      page.facts = &facts_;
      page.comparison = compared;
      page.leaderboard = published;
      write_sgp_report(page, [&](std::string_view text) { page_->write(text); });
      page_->finish();
    }
    tell_failures(summary);
    const bool passed = compared == nullptr || gates_hold(*compared);
    return passed && summary.overall.errors == 0 && failed_lines_ == 0 ? 0 : 1;
  }

  void tell_failures(const SgpSummary& summary) const {
    constexpr std::int64_t kShown = 20;
    std::int64_t told = 0;
    for (const SgpRecord& record : records_) {
      if (!record.error || ++told > kShown) continue;
      tool_.warn(record.prompt_hash.empty()
                     ? record.error->message
                     : fmt::format("{}: {}", escape_for_terminal(record.split + "/" + record.id),
                                   record.error->message));
    }
    if (told > kShown) tool_.warn(fmt::format("{} more failed", told - kShown));
    const SgpShare& all = summary.overall;
    tool_.note(fmt::format("{} questions = {} scored + {} failed ({} bad rows, {} not asked)",
                           all.count, all.count - all.errors, all.errors, summary.bad_rows,
                           summary.not_run));
  }

  bool gates_hold(const SgpComparison& comparison) const {
    bool hold = true;
    for (std::size_t i = 0; i < gates_.size(); ++i) {
      bool known = false;
      for (const SgpPaired& row : comparison.rows) {
        known = known || (row.name == gates_[i].test_prefix && row.count > 0);
        if (!sgp_gate_missed(gates_[i].test_prefix, gates_[i].percent, row)) continue;
        hold = false;
        tool_.warn(fmt::format("gate missed: {}: {:+.2f} points (p = {:.4f})", options_.gates[i],
                               100.0 * row.difference(), row.p_value));
      }
      if (known) continue;
      hold = false;
      tool_.warn(
          fmt::format("gate missed: {}: no common question has that name", options_.gates[i]));
    }
    return hold;
  }

  // The options that change records.
  std::string run_text() const {
    return fmt::format("{}|{}|{}|{}", options_.protocol, run_.max_tokens, run_.timings,
                       run_.system);
  }
  RecordFingerprint fingerprint(std::uint64_t run, std::size_t place) const {
    const SgpQuestion& q = data_.questions[place];
    const std::string prompt = q.error ? "error" : sgp_prompt_hash(sgp_messages(q, run_.system));
    return RecordFingerprint{run, hash_parts({q.split, q.id, q.subject, q.answer, prompt})};
  }
  static std::string line_of(std::size_t index, const SgpRecord& record,
                             const RecordFingerprint& fingerprint) {
    const SgpLogEntry entry{index, fingerprint.text()};
    return to_json_line(record, &entry);
  }

  const Tool& tool_;
  const SgpOptions& options_;
  SgpDataset data_;
  SgpRunOptions run_;
  std::vector<BenchGate> gates_;
  std::vector<SgpRecord> records_;
  SgpRunFacts facts_;
  std::optional<Output> page_;  // --report
  std::int64_t failed_lines_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Tool tool("sgp-eval", "how well a model understands programs that draw");
  SgpOptions options;
  add_options(tool, options);
  tool.add_common(kModelOptional | kOutput | kThreads | kJson);
  tool.synopsis("-m MODEL --data FILE... [OPTION]...");
  tool.example("sgp-eval -m model.lathe --data sgp_svg_testset.csv --records svg.jsonl",
               "SGP-Bench's svg questions by the reference's protocol");
  tool.example("sgp-eval -m w4.lathe --data svg.csv --baseline f32.jsonl --fail-if 'svg<-2%'",
               "What quantization cost, as a gate for CI");
  tool.example("sgp-eval --data svg.csv --responses answers.jsonl --report page.html --leaderboard",
               "A page to look at, with the published scores beside ours");
  tool.example("sgp-eval --data svg.csv --perturb rotate --copies 5 -o inv",
               "Sets with the pictures turned, for consistency");
  tool.example("sgp-eval --data svg.csv --responses answers.jsonl --json",
               "Score answers that came from anywhere");
  tool.see_also("generate(1), perplexity(1), bench(1), lathe(7)");
  return tool.run(argc, argv, [&] {
    check(tool, options);
    return Evaluation(tool, options).run();
  });
}
