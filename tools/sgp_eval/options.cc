#include "sgp_eval/options.h"

#include <CLI/App.hpp>
#include <string_view>

#include "lathe/chat.h"

#include "common/context.h"
#include "common/fail.h"
#include "common/given.h"
#include "common/kv_type.h"
#include "common/lora.h"
#include "common/shard.h"
#include "common/tool.h"

namespace lathe::tool {
namespace {

std::vector<std::string> names_of(const std::vector<std::string>& values) {
  std::vector<std::string> names;
  for (std::string_view value : values) {
    for (;;) {
      const std::size_t comma = value.find(',');
      if (comma != 0 && !value.empty()) names.emplace_back(value.substr(0, comma));
      if (comma == std::string_view::npos) break;
      value.remove_prefix(comma + 1);
    }
  }
  return names;
}

// Records of sgp-eval say what is needed to score them.
void check_without_data(const Tool& tool, const SgpOptions& o) {
  if (o.responses.empty() || !tool.common().model.empty() || o.emit_prompts || !o.perturb.empty() ||
      !o.export_sit.empty()) {
    fail_usage("no questions: give --data FILE");
  }
  if (!o.columns.empty() || !o.splits.empty() || !o.subjects.empty() || o.limit > 0 ||
      given(o.seed_option) || !o.records.empty()) {
    fail_usage(
        "--responses without --data takes a file of records as it is: --columns, --split, "
        "--subjects, --limit, --seed and --records have no place there");
  }
}

// Who answers.
void check_asked(const Tool& tool, const SgpOptions& o) {
  const bool has_model = !tool.common().model.empty();
  if (o.workers.given() && !has_model) {
    fail_usage("--workers answer for a model: give it too, -m MODEL");
  }
  // A judge computes here.
  check_workers(o.workers, o.judge.empty() ? o.computing : std::vector<const CLI::Option*>());
}

}  // namespace

std::vector<std::string> SgpOptions::split_names() const { return names_of(splits); }
std::vector<std::string> SgpOptions::subject_names() const { return names_of(subjects); }

void check(const Tool& tool, const SgpOptions& o) {
  const bool has_model = !tool.common().model.empty();
  if (o.data.empty()) check_without_data(tool, o);
  if (o.emit_prompts && !o.responses.empty()) {
    fail_usage("--emit-prompts and --responses exclude each other");
  }
  const bool only_data = !o.perturb.empty() || !o.export_sit.empty();
  if (only_data) {
    if (!o.perturb.empty() && !o.export_sit.empty()) {
      fail_usage("--perturb and --export-sit exclude each other");
    }
    if (has_model || o.emit_prompts || !o.responses.empty() || !o.records.empty() ||
        !o.baseline.empty() || !o.report.empty() || o.leaderboard) {
      fail_usage("--perturb and --export-sit rewrite questions: nobody is asked, nothing scored");
    }
    if (!o.perturb.empty() && tool.common().output == "-") {
      fail_usage("--perturb writes several files: give their folder, -o FOLDER");
    }
    return;
  }
  if (o.emit_prompts && (!o.report.empty() || o.leaderboard)) {
    fail_usage("--emit-prompts asks nobody: there is nothing to report");
  }
  if (o.report == "-") fail_usage("--report -: the summary goes there; give a file");
  if (o.open_answers) fail_usage("--open-answers belongs to --export-sit");
  if (!has_model && !o.emit_prompts && o.responses.empty()) {
    fail_usage("nobody to ask: give -m MODEL, or --responses FILE to score answers");
  }
  if (!o.lora.empty() && !has_model) fail_usage("--lora adapts a model: give -m MODEL");
  if (o.context > 0 && !has_model) fail_usage("--ctx bounds a model's texts: give -m MODEL");
  check_asked(tool, o);
  if (given(o.seed_option) && o.limit == 0) {
    fail_usage("--seed draws for --limit, or moves for --perturb: give one of them");
  }
  if (o.resume && o.records.empty()) fail_usage("--resume continues a file: give --records FILE");
  if (!o.shard.empty()) {
    parse_shard(o.shard);
    if (o.records.empty() || !has_model) {
      fail_usage("--shard makes a part of the records of a run: give -m MODEL and --records FILE");
    }
  }
  if (o.records == "-") fail_usage("--records -: the summary goes there; give a file");
  if (!o.gates.empty() && o.baseline.empty())
    fail_usage("--fail-if compares: give --baseline FILE");
  const bool logprob = o.protocol == "logprob";
  if (logprob && (o.emit_prompts || !o.judge.empty())) {
    fail_usage("--protocol logprob looks into the model: no prompts and no judges");
  }
  if (!o.responses.empty() && (!o.judge.empty() || o.resume || o.timings)) {
    fail_usage("--responses runs no model: --judge, --resume and --timings have no place there");
  }
}

void join_options(SgpOptions& o) {
  if (o.compare.empty()) return;
  if (o.compare.size() != 2) {
    fail_usage("--compare NEW BASE: two files of records, not {}", o.compare.size());
  }
  if (!o.responses.empty() || !o.baseline.empty()) {
    fail_usage("--compare NEW BASE is --responses NEW --baseline BASE: give one or the other");
  }
  o.responses = o.compare[0];
  o.baseline = o.compare[1];
}

void add_options(Tool& tool, SgpOptions& o) {
  CLI::App& app = tool.app();
  const auto file = [&](const char* names, std::string& value, const char* help) {
    return app.add_option(names, value, help)->type_name("FILE");
  };
  app.add_option("--data", o.data,
                 "Questions: CSV or JSON lines, plain or .zst; folders; - is stdin")
      ->type_name("FILE...");
  app.add_option("--columns", o.columns,
                 "The columns of a file without a header, or COLUMN=NAME for other names")
      ->type_name("LIST");
  tool.repeatable("--split", o.splits, "Only these splits, by commas; inv* is all that begin so");
  tool.repeatable("--subjects", o.subjects, "Only these subjects, by commas");
  tool.number("--limit", o.limit, "At most N questions of each split; 0 is all", 0, 1 << 30);
  o.seed_option =
      tool.number("--seed", o.seed,
                  "With --limit: draw them, rather than the first; with --perturb: of the moves")
          ->default_str("");

  constexpr const char* kAsking = "Asking";
  tool.choice("--protocol", o.protocol, "How to ask and to score",
              {"reference", "robust", "logprob"})
      ->group(kAsking);
  o.system_option = app.add_option("--system", o.system,
                                   "The system message, in place of the reference's; \"\" is none")
                        ->type_name("TEXT")
                        ->group(kAsking);
  app.add_option("--chat-template", o.chat_template,
                 "A template in place of the model's own, by name or from a file; \"none\" is none")
      ->type_name("FILE|NAME")
      ->group(kAsking);
  add_lora(tool, o.lora)->group(kAsking);
  tool.number("-n,--tokens", o.max_tokens, "Most new tokens of an answer", 1, 1 << 30)
      ->group(kAsking);
  add_context(tool, "--ctx", o.context,
              "Positions for a prompt and its answer; 0 is all the model has", 0, 1 << 30)
      ->group(kAsking);
  app.add_option("--judge", o.judge, "A second model that says which letter each response means")
      ->type_name("MODEL")
      ->group(kAsking);
  tool.number("--max-batch", o.max_batch, "Most questions that are answered at once", 1, 4096)
      ->group(kAsking);
  add_kv_type(tool, "--kv-type", o.kv_type, "Type of the KV cache")->group(kAsking);
  tool.size("--kv-memory", o.kv_memory,
            "Memory for the KV cache (default: as the weights, 512M at least)", "")
      ->group(kAsking);

  add_workers(tool, o.workers, kAsking);
  for (const char* name : {"--max-batch", "--kv-memory"}) {
    o.computing.push_back(app.get_option(name));
  }

  constexpr const char* kRecords = "Records";
  file("--records", o.records, "Write a JSON line per question, as it goes")->group(kRecords);
  app.add_flag("--resume", o.resume, "Go on where --records ends")->group(kRecords);
  add_shard(tool, o.shard, "Ask only the")->group(kRecords);
  app.add_flag("--timings", o.timings, "Put seconds into the records")->group(kRecords);
  app.add_flag("--emit-prompts", o.emit_prompts, "Write the prompts as JSON lines, and ask nobody")
      ->group(kRecords);
  file("--responses", o.responses, "Score these answers (id, response); ask nobody")
      ->group(kRecords);

  file("--report", o.report, "Write a page with scores, pictures, answers and words (HTML)")
      ->group(kRecords);

  constexpr const char* kCompare = "Comparing";
  file("--baseline", o.baseline, "Compare with the records of another run")->group(kCompare);
  file("--base", o.baseline, "")->group("");  // another tool's old name
  app.add_option("--compare", o.compare, "Ask nobody: compare the records of two runs")
      ->type_name("NEW BASE")
      ->expected(2)
      ->group(kCompare);
  app.add_flag("--changes", o.changes, "List the questions whose score changed")->group(kCompare);
  app.add_flag("--leaderboard", o.leaderboard, "Show the scores among the published ones")
      ->group(kCompare);
  tool.repeatable("--fail-if", o.gates,
                  "Exit 1 when a split or split/subject lost more: svg<-2%; may be repeated")
      ->group(kCompare);

  constexpr const char* kMaking = "Making sets";
  tool.choice("--perturb", o.perturb, "Write sets with the pictures moved into the folder -o",
              {"translate", "translate-far", "rotate"})
      ->default_str("")
      ->group(kMaking);
  tool.number("--copies", o.copies, "With --perturb: how many moved sets", 1, 100)->group(kMaking);
  tool.choice("--export-sit", o.export_sit, "Write instruction-tuning records",
              {"alpaca", "jsonl", "chat"})
      ->default_str("")
      ->group(kMaking);
  app.add_flag("--open-answers", o.open_answers, "With --export-sit: no options, a free answer")
      ->group(kMaking);
}

}  // namespace lathe::tool
