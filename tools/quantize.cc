// quantize: a checkpoint in, a smaller file out.
#include "lathe/quantize.h"

#include <CLI/App.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/importance.h"
#include "lathe/lathe.h"
#include "lathe/synthetic.h"

#include "common/left_out.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/tool.h"
#include "quantize/budget.h"
#include "quantize/report.h"
#include "quantize/statistics.h"
#include "quantize/verify.h"

namespace {

using namespace lathe;
using namespace lathe::tool;

constexpr const char* kFast = "fast";
constexpr const char* kGood = "good";
constexpr const char* kBest = "best";

struct Options {
  std::string scheme = "w4";
  std::vector<std::string> rules;    // REGEX=SCHEME
  std::vector<std::string> include;  // quantize only these
  std::vector<std::string> exclude;  // keep these
  std::vector<std::string> also;     // SCHEME=FILE
  std::string calibration;
  std::string importance;
  std::string importance_out;
  std::string effort;
  std::string tokenizer;
  std::string synthetic;  // a shape
  std::int64_t layers = 0;
  std::string verify;   // a file, to be rebuilt
  std::string against;  // from this
  BudgetRequest budget;
  bool dry_run = false;
  bool resume = false;
  bool allow_requantize = false;
  bool chosen_scheme = false;  // by the user
};

// "a=b" at the last '=': a regular expression may hold one itself.
std::pair<std::string, std::string> split(const std::string& text, const char* option,
                                          std::size_t at) {
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
    fail_usage("{} {}: two parts are needed, with = between them", option, lathe::quoted(text));
  }
  return {text.substr(0, at), text.substr(at + 1)};
}

QuantizeOptions make_options(const Tool& tool, const Options& options, const std::string& scheme) {
  QuantizeOptions out;
  out.scheme = scheme;
  if (!options.include.empty()) {
    // Nothing but what is included: everything else is kept.
    out.scheme = "keep";
    for (const std::string& pattern : options.include) out.rules.push_back({pattern, scheme});
  }
  for (const std::string& pattern : options.exclude) out.rules.push_back({pattern, "keep"});
  for (const std::string& rule : options.rules) {
    const auto [pattern, name] = split(rule, "--tensor", rule.rfind('='));
    out.rules.push_back({pattern, name});
  }
  out.threads = tool.common().threads_or_default();
  out.overwrite = tool.common().force;
  out.resume = options.resume;
  out.requantize = true;  // with a warning
  out.descent = options.effort == kBest;
  return out;
}

bool calibrates(const Options& options) {
  return !options.calibration.empty() || options.effort == kGood || options.effort == kBest;
}

StatisticsOptions statistics_options(const Options& options) {
  StatisticsOptions out;
  if (calibrates(options)) out.text = options.calibration;
  out.importance = options.importance;
  out.save_importance = options.importance_out;
  out.products = options.effort != kFast;
  return out;
}

void check_options(const Tool& tool, const Options& options) {
  if (calibrates(options) && !options.importance.empty()) {
    fail_usage("{} and --importance both say how much each input matters; give one",
               options.calibration.empty() ? "--effort " + options.effort : "--calib");
  }
  if (!options.importance_out.empty() && !calibrates(options)) {
    fail_usage("--save-importance needs --calib TEXT, or --effort good");
  }
  const CommonValues& common = tool.common();
  if (options.verify.empty() != options.against.empty()) {
    fail_usage("--verify FILE needs --against MODEL, and the other way round");
  }
  if (!options.verify.empty()) {
    if (!common.model.empty() || common.output != "-" || !options.also.empty()) {
      fail_usage("--verify writes nothing: leave -m, -o and --also out");
    }
    return;
  }
  check_budget(options.budget);
  if (options.budget.any() &&
      (options.chosen_scheme || !options.rules.empty() || !options.include.empty() ||
       !options.exclude.empty() || !options.also.empty() || options.resume)) {
    fail_usage(
        "--max-size, --max-bits, --max-kld and --max-ppl choose the schemes: leave --scheme, "
        "--tensor, --include, --exclude, --also and --resume out");
  }
  if (options.budget.any() && common.output.ends_with(".gguf")) {
    fail_usage("-o {}: schemes are chosen for .lathe files", lathe::quoted(common.output));
  }
  if (options.layers > 0 && options.synthetic.empty()) {
    fail_usage("--layers is of a --synthetic model; a model that is read keeps its own");
  }
  if (!options.synthetic.empty() && !common.model.empty()) {
    fail_usage("--synthetic makes a model, so there is none to read");
  }
  if (options.synthetic.empty() && common.model.empty()) {
    fail_usage("a model is needed: -m MODEL");
  }
  if (!options.dry_run && common.output == "-") fail_usage("an output file is needed: -o FILE");
}

// Below this a matrix says next to nothing of what it said.
constexpr double kMinSqnr = 3.0;  // decibels
constexpr std::size_t kNamedTensors = 5;

void warn_of_losses(const Tool& tool, const QuantizeReport& report) {
  std::vector<const QuantizedTensor*> lost;
  for (const QuantizedTensor& tensor : report.tensors) {
    if (tensor.sqnr && !(*tensor.sqnr >= kMinSqnr)) lost.push_back(&tensor);
  }
  for (std::size_t i = 0; i < lost.size() && i < kNamedTensors; ++i) {
    tool.warn(fmt::format("tensor {} is mostly noise as {}: {:.2f} dB of signal are left",
                          lathe::quoted(lost[i]->name), lost[i]->scheme, *lost[i]->sqnr));
  }
  if (lost.size() > kNamedTensors) {
    tool.warn(fmt::format("and {} more tensors; -v shows all", lost.size() - kNamedTensors));
  }
}

void warn_of_unmet_experts(const Tool& tool, const QuantizeReport& report) {
  const std::vector<std::string>& unmet = report.unmet_experts;
  if (unmet.empty()) return;
  constexpr std::size_t kShown = 20;
  std::string names;
  for (std::size_t i = 0; i < std::min(unmet.size(), kShown); ++i) {
    names += (i == 0 ? "" : "; ") + unmet[i];
  }
  if (unmet.size() > kShown) names += fmt::format("; and {} more", unmet.size() - kShown);
  tool.warn(fmt::format(
      "no token of the calibration text met {} experts, which are rounded without its help: {}",
      unmet.size(), names));
}

// Most models come quantized, and the original is not always at hand: it is done, and said.
void warn_of_requantizing(const Tool& tool, const Options& options, const QuantizeReport& report) {
  if (report.requantized == 0 || options.allow_requantize) return;
  tool.warn(fmt::format(
      "{}: {} matrices are quantized already ({}): what that lost stays lost, and more goes; "
      "quantize the original where there is one. --allow-requantize leaves this warning out",
      lathe::quoted(tool.common().model), report.requantized,
      fmt::join(report.requantized_from, ", ")));
}

std::shared_ptr<const Checkpoint> open_source(const Tool& tool, const Options& options) {
  if (!options.synthetic.empty()) {
    SyntheticOptions synthetic;
    synthetic.tokenizer = options.tokenizer;
    synthetic.layers = options.layers;
    return synthetic_checkpoint(options.synthetic, synthetic);
  }
  OpenOptions open;
  open.tokenizer_path = options.tokenizer;
  auto checkpoint = Checkpoint::open(tool.common().model, open);
  note_left_out(tool, *checkpoint);
  return checkpoint;
}

int run_within(const Tool& tool, const Options& options,
               const std::shared_ptr<const Checkpoint>& checkpoint, QuantizeOptions how) {
  const TextStatistics statistics = find_statistics(tool, statistics_options(options), checkpoint);
  how.importance = statistics.importance.columns;
  how.products = statistics.products;
  const auto result = quantize_within(tool, options.budget, checkpoint, how, options.dry_run);
  if (!result) return 0;
  warn_of_requantizing(tool, options, result->report);
  warn_of_losses(tool, result->report);
  tool.note(quantize_summary(result->report, tool.common().output));
  Output output("-", false);
  if (tool.common().json()) {
    output.write(quantize_json(std::span(&result->target, 1), std::span(&result->report, 1)));
  } else if (tool.common().verbose > 0) {
    output.write(quantize_table(result->report, true, output.columns()));
  }
  output.finish();
  if (result->kept) return 0;
  tool.warn("what was asked for is not reached: the file is the last that was tried");
  return 1;
}

int run(const Tool& tool, const Options& options) {
  const CommonValues& common = tool.common();
  check_options(tool, options);
  if (!options.verify.empty()) {
    return verify(tool, {options.verify, options.against, options.tokenizer},
                  statistics_options(options));
  }
  std::vector<QuantizeTarget> targets(1);
  targets[0] = {common.output, make_options(tool, options, options.scheme)};
  for (const std::string& also : options.also) {
    const auto [scheme, path] = split(also, "--also", also.find('='));
    targets.push_back({path, make_options(tool, options, scheme)});
  }
  const auto checkpoint = open_source(tool, options);
  if (options.budget.any()) return run_within(tool, options, checkpoint, targets.front().options);

  std::vector<QuantizeReport> reports;
  if (options.dry_run) {
    for (const QuantizeTarget& target : targets) {
      reports.push_back(plan_quantization(*checkpoint, target.output, target.options));
    }
  } else {
    const TextStatistics statistics =
        find_statistics(tool, statistics_options(options), checkpoint);
    ProgressBar bar(tool, "quantize", ProgressBar::Unit::kBytes);
    for (QuantizeTarget& target : targets) {
      target.options.importance = statistics.importance.columns;
      target.options.products = statistics.products;
      target.options.progress = bar.callback();
    }
    reports = quantize(*checkpoint, targets);
    bar.finish();
  }
  warn_of_requantizing(tool, options, reports.front());
  Output output("-", false);
  std::string text;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!options.dry_run) {
      warn_of_losses(tool, reports[i]);
      warn_of_unmet_experts(tool, reports[i]);
      tool.note(quantize_summary(reports[i], targets[i].output));
    }
    if (!options.dry_run && common.verbose == 0) continue;
    if (targets.size() > 1) text += escape_for_terminal(targets[i].output) + ":\n";
    text += quantize_table(reports[i], common.verbose > 0, output.columns());
  }
  output.write(common.json() ? quantize_json(targets, reports) : text);
  output.finish();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("quantize", "make a model smaller and faster");
  Options options;
  CLI::App& app = tool.app();
  tool.add_common(kModelOptional | kOutput | kThreads | kJson);
  app.get_option("--output")->description("The file to write, or the folder")->default_str("");
  app.add_option("-s,--scheme", options.scheme,
                 fmt::format("How weights are stored: {}", quantize_schemes()))
      ->type_name("SCHEME");
  tool.repeatable("--tensor", options.rules,
                  "A scheme of their own for tensors whose name matches; the last that does counts")
      ->type_name("REGEX=SCHEME");
  tool.repeatable("--include", options.include, "Quantize matching tensors only")
      ->type_name("REGEX");
  tool.repeatable("--exclude", options.exclude, "Keep matching tensors as they are")
      ->type_name("REGEX");
  tool.repeatable("--also", options.also, "One more output, in the same pass over the input")
      ->type_name("SCHEME=FILE");
  app.add_option("--calib", options.calibration,
                 "A text: weights that matter for it are kept more exactly")
      ->type_name("FILE");
  app.add_option("--importance", options.importance,
                 "An importance matrix instead of a text; llama.cpp's will do")
      ->type_name("FILE");
  app.add_option("--save-importance", options.importance_out,
                 "Write the importance matrix of --calib; to a .gguf as llama.cpp's")
      ->type_name("FILE");
  tool.choice("--effort", options.effort,
              "fast: each weight rounded for itself; good: what that loses made good by others, as "
              "a text says; the default with --calib, and without it of a text that comes along; "
              "best: then each looked at again",
              {kFast, kGood, kBest})
      ->default_str("");
  add_budget_options(tool, options.budget);
  app.add_option("--tokenizer", options.tokenizer, "A tokenizer instead of the model's own")
      ->type_name("FILE");
  app.add_option("--synthetic", options.synthetic,
                 "Instead of a model, one of this shape with random weights, for measuring")
      ->type_name("SHAPE");
  tool.number("--layers", options.layers,
              "Only the first N layers of a --synthetic model (default: all)", 1, 4096)
      ->default_str("");
  app.add_flag("--resume", options.resume,
               "Go on with what a killed run left in FILE.partial; leave that when interrupted");
  app.add_option("--verify", options.verify,
                 "Make this file again from its recipe, and compare bit for bit")
      ->type_name("FILE");
  app.add_option("--against", options.against, "What --verify makes it from")->type_name("MODEL");
  app.add_flag("--allow-requantize", options.allow_requantize,
               "Do not warn that the model is quantized already");
  app.add_flag("--dry-run", options.dry_run,
               "Show the table of tensors (with -v a line for each), and write nothing");
  tool.synopsis("-m MODEL -o FILE [-s SCHEME] [OPTION]...");
  tool.example("quantize -m model.gguf -o model-w4.lathe", "About 4.6 bits per weight");
  tool.example("quantize -m hf-folder -o w8.lathe -s w8 --also w4=w4.lathe", "Two files, one run");
  tool.example("quantize -m hf-folder -o m.gguf -s q4_k_m", "A GGUF file for other programs");
  tool.example("quantize -m hf-folder -o awq -s awq --effort good", "A folder for vLLM");
  tool.example("quantize -m hf-folder -o w4.lathe --calib book.txt",
               "Weighted by what a text needs");
  tool.example("quantize -m hf-folder -o m.lathe --max-kld 0.02", "As small as that allows");
  tool.example("quantize --verify w4.lathe --against hf-folder", "Is it what it says?");
  tool.see_also("convert(1), perplexity(1), bench(1), lathe(5), lathe(7)");
  return tool.run(argc, argv, [&] {
    options.chosen_scheme = app.get_option("--scheme")->count() > 0;
    return run(tool, options);
  });
}
