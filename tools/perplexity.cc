// perplexity: how well a model predicts a text, and how far it strays from another model.
#include "lathe/perplexity.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "lathe/host/escape.h"
#include "lathe/lathe.h"

#include "common/context.h"
#include "common/gates.h"
#include "common/kv_type.h"
#include "common/left_out.h"
#include "common/load_options.h"
#include "common/lora.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/shard.h"
#include "common/text.h"
#include "common/tool.h"
#include "perplexity/report.h"
#include "perplexity/side_by_side.h"

namespace {

using namespace lathe;
using namespace lathe::tool;

struct Options {
  std::string base;
  std::int64_t context = 512;
  std::int64_t chunks = 0;  // 0: all
  std::string kv_type = "f16";
  std::string base_kv_type;     // empty: as kv_type
  std::uint64_t kv_memory = 0;  // 0: what the chunks at work need
  bool per_token = false;
  std::vector<std::string> gates, lora;
  std::string shard;
  std::vector<std::string> compare;  // NEW and BASE
  std::vector<std::string> also;     // models
  std::int64_t continue_by = 0;      // tokens; 0: not at all

  bool side_by_side() const { return !also.empty() || continue_by > 0; }
  LoadOptions load;
};

std::unique_ptr<Engine> open_engine(const std::shared_ptr<const Checkpoint>& checkpoint,
                                    std::shared_ptr<const LoraAdapter> lora,
                                    const std::string& type, const PerplexityOptions& measure,
                                    LoadOptions load, std::uint64_t kv_memory, int threads) {
  load.threads = threads;
  EngineOptions options = perplexity_engine(measure);
  options.threads = threads;
  options.kv_type = kv_type_by_name(type).type;
  options.kv_memory = kv_memory;
  return Engine::create(Model::load(checkpoint, std::move(lora), load), nullptr, options);
}

bool gates_hold(const BenchGates& gates, const PerplexityReport& report, const std::string& base) {
  bool hold = true;
  if (!report.divergence) return hold;
  const std::vector<BenchComparison> losses = losses_of(report);
  std::vector<std::string> names;
  for (const BenchComparison& loss : losses) names.push_back(loss.test);
  gates.check_concern(names);
  for (const BenchComparison& loss : losses) hold = gates.hold(loss, base) && hold;
  return hold;
}

void check_side_by_side(const Options& options) {
  const char* name = options.also.empty() ? "--continue" : "--also";
  if (options.base.empty()) fail_usage("{} needs --baseline MODEL", name);
  if (options.per_token || !options.gates.empty() || !options.lora.empty()) {
    fail_usage("{} makes a table of models: --per-token, --fail-if and --lora have no place there",
               name);
  }
  if (options.context - beginning_of(options.context) < options.continue_by) {
    fail_usage(
        "--continue {}: with the {} tokens before them that is more than --ctx {}; give fewer, or "
        "longer chunks",
        options.continue_by, beginning_of(options.context), options.context);
  }
}

void check(const Tool& tool, const Options& options) {
  const bool model = !tool.common().model.empty();
  if (!options.compare.empty()) {
    if (model || !options.base.empty() || options.per_token || !options.lora.empty()) {
      fail_usage(
          "--compare reads two recorded runs and measures nothing: -m, --baseline, --lora and "
          "--per-token have no place there");
    }
    return;
  }
  if (!options.shard.empty()) {
    parse_shard(options.shard);
    if (!options.per_token) {
      fail_usage("--shard makes a part of the lines that --per-token prints: add --per-token");
    }
  }
  if (!model) fail_usage("no model: give -m MODEL, or --compare NEW BASE");
  if (options.base.empty() && !options.gates.empty()) {
    fail_usage("--fail-if needs --baseline or --compare");
  }
  if (options.base.empty() && !options.base_kv_type.empty()) {
    fail_usage("--baseline-kv-type needs --baseline");
  }
  if (options.side_by_side()) check_side_by_side(options);
}

// An earlier run's lines rather than a model.
bool is_records(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  return std::ifstream(path, std::ios::binary).get() == '{';
}

// A model rather than lines: a folder, or a file that begins with numbers.
bool is_model(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return std::filesystem::is_directory(path, ignored);
  }
  std::string begin(16, ' ');
  std::ifstream(path, std::ios::binary).read(begin.data(), 16);
  return begin.find('\0') != std::string::npos;
}

int compare(const Tool& tool, const Options& options, const BenchGates& gates) {
  const std::string &ours = options.compare[0], &base = options.compare[1];
  for (const std::string& path : options.compare) {
    if (!is_model(path)) continue;
    fail_usage(
        "--compare reads what --per-token printed, and {} is none of it; models are "
        "compared by -m NEW -b BASE",
        quoted(path));
  }
  const PerplexityReport report =
      compare_scores(read_score_records(ours), ours, read_score_records(base), base);
  Output output(tool.common().output, tool.common().force);
  output.write(tool.common().json() ? report_json(report, {ours, base, 0}) : report_text(report));
  output.finish();
  return gates_hold(gates, report, base) ? 0 : 1;
}

std::shared_ptr<const Tokenizer> tokenizer_of(const Tool& tool, const Checkpoint& checkpoint,
                                              const std::string& path) {
  if (!checkpoint.tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; convert it with --tokenizer FILE",
         quoted(path));
  }
  auto tokenizer = Tokenizer::create(*checkpoint.tokenizer_files());
  warn_of(tool, *tokenizer);
  return tokenizer;
}

// Several models beside one base, one after the other.
int compare_models(const Tool& tool, const Options& options) {
  const CommonValues& common = tool.common();
  if (is_records(options.base)) {
    fail_usage("--baseline {}: a table of models needs the model, not its lines",
               quoted(options.base));
  }
  SideBySide run;
  run.base = options.base;
  run.models = {common.model};
  run.models.insert(run.models.end(), options.also.begin(), options.also.end());
  run.how.context = options.context;
  run.how.max_chunks = options.chunks > 0 ? options.chunks : -1;
  run.continue_by = options.continue_by;
  run.engine = [&](const std::shared_ptr<const Checkpoint>& checkpoint, bool is_base) {
    const bool own_type = is_base && !options.base_kv_type.empty();
    return open_engine(checkpoint, nullptr, own_type ? options.base_kv_type : options.kv_type,
                       run.how, options.load, options.kv_memory, common.threads_or_default());
  };
  const auto checkpoint = Checkpoint::open(options.base);
  const auto tokenizer = tokenizer_of(tool, *checkpoint, options.base);
  const std::vector<TokenId> tokens = tokenizer->encode(read_text(common.input));
  const std::optional<TokenId> bos = tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt;
  Output output(common.output, common.force);
  const std::vector<ModelRow> rows = measure_side_by_side(tool, run, checkpoint, tokens, bos);
  output.write(common.json() ? side_by_side_json(rows, options.context) : side_by_side_table(rows));
  output.finish();
  return 0;
}

// A run of one model, or of two in step.
class Measurement {
 public:
  Measurement(const Tool& tool, const Options& options) : tool_(tool), options_(options) {
    how_.context = options.context;
    how_.max_chunks = options.chunks > 0 ? options.chunks : -1;
    if (!options.shard.empty()) how_.shard = parse_shard(options.shard);
  }

  int run(const BenchGates& gates) {
    const CommonValues& common = tool_.common();
    const bool recorded = is_records(options_.base);
    std::vector<TokenScore> earlier;
    if (recorded) earlier = read_score_records(options_.base);
    open(recorded ? "" : options_.base);
    // With the token that begins a text, as llama-perplexity has it: the chunks begin there.
    const std::vector<TokenId> tokens = tokenizer_->encode(read_text(common.input));
    const std::optional<TokenId> bos = tokenizer_->adds_bos() ? tokenizer_->bos() : std::nullopt;

    Output output(common.output, common.force);
    ProgressBar bar(tool_, "perplexity");
    std::vector<TokenScore> scores;
    std::function<void(const TokenScore&)> on_score;
    if (options_.per_token || recorded) {
      on_score = [&](const TokenScore& score) {
        if (recorded) scores.push_back(score);
        if (!options_.per_token) return;
        output.write(score_record(score, tokenizer_->piece(score.token), base_ != nullptr));
      };
    }
    PerplexityReport report =
        measure_perplexity(*engine_, base_.get(), tokens, bos, how_, bar.callback(), on_score);
    bar.finish();
    if (recorded) {
      report.divergence = compare_scores(scores, "this run", earlier, options_.base).divergence;
    }
    show(report, output);
    output.finish();
    return gates_hold(gates, report, options_.base) ? 0 : 1;
  }

 private:
  // `base`: the path of the second model, or empty.
  void open(const std::string& base) {
    const CommonValues& common = tool_.common();
    const int threads = common.threads_or_default();
    const auto checkpoint = Checkpoint::open(common.model);
    note_left_out(tool_, *checkpoint);
    tokenizer_ = tokenizer_of(tool_, *checkpoint, common.model);
    engine_ = open_engine(checkpoint, open_lora(tool_, options_.lora, *checkpoint),
                          options_.kv_type, how_, options_.load, options_.kv_memory, threads);
    if (base.empty()) return;
    const std::string& type =
        options_.base_kv_type.empty() ? options_.kv_type : options_.base_kv_type;
    base_ = open_engine(Checkpoint::open(base), nullptr, type, how_, options_.load,
                        options_.kv_memory, threads);
  }

  void show(const PerplexityReport& report, Output& output) const {
    tool_.note(fmt::format("{} chunks of {} tokens, {} of {} tokens scored, {:.1f} s",
                           report.chunks, options_.context, report.scored, report.tokens,
                           report.seconds));
    if (options_.per_token) {
      // The records are the data; the summary is for the person who waits.
      std::istringstream lines(report_text(report));
      for (std::string line; std::getline(lines, line);) tool_.note(line);
    } else if (tool_.common().json()) {
      output.write(report_json(report, {tool_.common().model, options_.base, options_.context}));
    } else {
      output.write(report_text(report));
    }
  }

  const Tool& tool_;
  const Options& options_;
  PerplexityOptions how_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Engine> engine_, base_;
};

int run(const Tool& tool, Options& options) {
  options.load.ensemble = tool.ensemble();
  check(tool, options);
  const BenchGates gates(tool, options.gates, GateOf::kCount);
  const std::string gated[] = {"perplexity", "same-top"};
  gates.check_concern(gated);
  if (!options.compare.empty()) return compare(tool, options, gates);
  if (options.side_by_side()) return compare_models(tool, options);
  return Measurement(tool, options).run(gates);
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("perplexity", "measure how well a model predicts a text");
  Options options;
  tool.add_common(kModelOptional | kInput | kOutput | kThreads | kJson);
  add_context(tool, "-c,--ctx", options.context, "Tokens per chunk; the second half is scored", 4,
              1 << 24);
  tool.number("--chunks", options.chunks, "Score the first N chunks only; 0 is all", 0, 1 << 30);
  add_shard(tool, options.shard, "With --per-token: score only the");
  tool.app()
      .add_option("-b,--baseline", options.base,
                  "A second model to compare with, run in step with the first: KL divergence; or "
                  "an earlier run's --per-token lines")
      ->type_name("MODEL|FILE");
  tool.app().add_option("--base", options.base)->group("");  // as it was called
  tool.app()
      .add_option("--compare", options.compare,
                  "Measure nothing: compare the --per-token lines of two runs")
      ->type_name("NEW BASE")
      ->expected(2);
  tool.repeatable("--also", options.also,
                  "One more model to compare with the baseline: a table, a line for each")
      ->type_name("MODEL");
  tool.number("--continue", options.continue_by,
              "In the table, also how far N tokens that follow each chunk's beginning, greedily, "
              "are from the baseline's",
              1, 1 << 20)
      ->default_str("");
  tool.repeatable("--fail-if", options.gates,
                  "Exit 1 when more is lost, as perplexity<-2% or same-top<-5%; may be repeated")
      ->type_name("GATE");
  add_lora(tool, options.lora);
  tool.app().add_flag("--per-token", options.per_token, "Print a JSON line for each scored token");
  add_kv_type(tool, "--kv-type", options.kv_type, "Type of the KV cache");
  add_kv_type(tool, "--base-kv-type", options.base_kv_type, "")->group("");
  add_kv_type(tool, "--baseline-kv-type", options.base_kv_type,
              "Type of the baseline's KV cache (default: as --kv-type)");
  tool.size("--kv-memory", options.kv_memory,
            "Memory for keys and values, of each model: SIZE bytes", "what four chunks need");
  add_load_options(tool, options.load);
  tool.synopsis("-m MODEL [-i TEXT] [-b BASELINE] [OPTION]...");
  tool.example("perplexity -m model.lathe -i book.txt", "Perplexity of a text");
  tool.example("perplexity -m w4.lathe --baseline f16.gguf -i book.txt --json",
               "What quantization cost, as JSON");
  tool.example("perplexity -m w4.lathe --also w8.lathe -b f16.gguf -i book.txt",
               "Several, in a table");
  tool.example("perplexity --compare w4.jsonl f16.jsonl --fail-if 'perplexity<-2%'",
               "Two recorded runs side by side");
  tool.see_also("bench(1), quantize(1), lathe(7)");
  tool.compute_together();
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
