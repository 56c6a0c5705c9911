#include "bench/options.h"

#include <CLI/App.hpp>

#include "lathe/bench/report.h"
#include "lathe/host/escape.h"

#include "common/fail.h"
#include "common/kv_type.h"
#include "common/load_options.h"
#include "common/lora.h"

namespace lathe::tool {
namespace {

void add_models(Tool& tool, BenchOptions& o) {
  tool.repeatable("-m,--model", o.plan.models, "The model; may be repeated")->type_name("MODEL");
  tool.repeatable("--shape", o.plan.shapes, "A model of this shape with random weights instead")
      ->type_name("SHAPE");
  tool.app()
      .add_option("-s,--scheme", o.plan.scheme,
                  "How --shape is quantized: w4 (the default), w8, f16, ...")
      ->type_name("SCHEME");
  tool.number("--layers", o.plan.layers, "Only the first N layers of --shape (default: all)", 1,
              4096)
      ->default_str("");
  add_lora(tool, o.plan.lora);
  tool.app().add_flag("--machine", o.machine, "Measure the machine's limits, and no model");
}

void add_tests(Tool& tool, BenchOptions& o) {
  constexpr const char* kTests =
      "Tests; N is a number, a list or a range: 128,512 or 1024-4096+1024 or 1-16*2";
  CLI::App& app = tool.app();
  const auto numbers = [&](const char* names, std::string& value, const char* help) {
    app.add_option(names, value, help)->type_name("N")->group(kTests);
  };
  numbers("-p,--n-prompt", o.prompt, "Tokens of a prompt (prefill) (default: 512)");
  numbers("-n,--n-gen", o.gen, "Tokens to write (decode) (default: 128)");
  tool.repeatable("--pg", o.prompt_gen, "Prompt and writing timed together, as P,N (also -pg)")
      ->type_name("P,N")
      ->group(kTests);
  numbers("-d,--n-depth", o.depth, "Tokens in the context before a test begins (default: 0)");
  tool.number("--compute-depth", o.computed,
              "Of -d only the first N tokens are computed; their keys and values, over and over, "
              "stand for the rest, which changes no speed; 0 is all",
              0, std::int64_t{1} << 40)
      ->type_name("N")
      ->group(kTests);
  numbers("--npl", o.sequences, "Sequences at once (also -npl) (default: 1)");
  numbers("-b,--batch-size", o.batch, "Longest piece of a prompt computed at once (default: 512)");
  numbers("-t,--threads", o.threads, "Threads (default: the cores this process may use)");
  app.add_option("--kv-type", o.kv_types, "Types of the KV cache, by commas (default: f16)")
      ->type_name("f16|f32|int8|...")
      ->group(kTests);
  tool.repeatable("--mixed", o.mixed,
                  "Requests of many lengths at once, as in=128..512,out=32..256,n=64")
      ->type_name("SPEC")
      ->group(kTests);
  app.add_flag("--speculate", o.speculate,
               "In place of -p and -n: passes over 1 to 16 tokens with logits behind each, as "
               "generate --lookup checks what it copies")
      ->group(kTests);
  app.add_option("--draft", o.plan.draft,
                 "With --speculate: a smaller model with the model's tokens writes what is checked")
      ->type_name("MODEL")
      ->group(kTests);
  tool.choice("--first-token", o.first_token,
              "Time generate from its start to the first token, the model on disk or in the "
              "page cache",
              {"cold", "warm", "both"})
      ->default_str("")
      ->group(kTests);
  tool.number("-r,--repetitions", o.repetitions, "Timed runs of each test", 1, 100000)
      ->group(kTests);
  app.add_flag("--no-warmup", o.no_warmup, "No untimed run first")->group(kTests);
}

void add_comparison(Tool& tool, BenchOptions& o) {
  constexpr const char* kComparing = "Comparing";
  tool.app()
      .add_option("--baseline", o.baseline, "Results to compare with: an earlier run's JSON")
      ->type_name("FILE")
      ->group(kComparing);
  tool.app().add_option("--base", o.baseline)->group("");  // another tool's old name
  tool.app()
      .add_option("--compare", o.compare,
                  "Measure nothing: compare results of the first file with those of the second. "
                  "One file is as with --baseline")
      ->type_name("NEW BASE")
      ->expected(1, 2)
      ->group(kComparing);
  tool.repeatable("--interleave", o.interleave,
                  "Measure another program in turn: a shell command that prints JSON as "
                  "llama-bench -o json does")
      ->type_name("COMMAND")
      ->group(kComparing);
  tool.number("--interleave-timeout", o.interleave_timeout,
              "Give up a run of such a command after X seconds; 0 is never", 0, 1e9)
      ->group(kComparing);
  tool.repeatable("--fail-if", o.gates,
                  "Exit 1 when tests whose name begins so got slower, as tg<-5%; may be repeated")
      ->type_name("GATE")
      ->group(kComparing);
}

void add_output(Tool& tool, BenchOptions& o) {
  CLI::App& app = tool.app();
  tool.choice("--format", o.format, "Form of the results", {"md", "csv", "json", "jsonl", "sql"});
  app.add_flag("--json", o.json, "Short for --format json");
  app.add_option("-o,--output", o.output,
                 "Write to FILE; - is standard output. A format's name is taken as --format")
      ->type_name("FILE");
  app.add_flag("-f,--force", o.force, "Replace outputs that exist");
  app.add_option("--plot", o.plot, "Draw the results")->type_name("FILE.svg");
}

constexpr std::int64_t kMostChecked = 16;

std::vector<BenchCase> all_cases(const BenchOptions& options) {
  std::vector<BenchCase> cases;
  for (const std::string& text : options.mixed) cases.push_back({.traffic = parse_traffic(text)});
  if (options.speculate) {
    for (BenchCase& test : make_check_cases(kMostChecked, options.depth)) cases.push_back(test);
    return cases;
  }
  const bool nothing_else =
      options.prompt == "0" && options.gen == "0" && options.prompt_gen.empty();
  if (!cases.empty() || (nothing_else && !options.first_token.empty())) return cases;
  return make_cases(
      {options.prompt, options.gen, options.prompt_gen, options.depth, options.sequences});
}

std::vector<BenchCase> cases_of(const BenchOptions& options) {
  std::vector<BenchCase> cases = all_cases(options);
  for (BenchCase& test : cases) {
    if (options.computed > 0 && test.batched()) {
      fail_usage("--compute-depth is for sequences that run alone: leave --npl and --mixed out");
    }
    test.n_computed = options.computed;
  }
  return cases;
}

}  // namespace

void add_bench_options(Tool& tool, BenchOptions& options) {
  tool.add_common(0);
  add_models(tool, options);
  add_load_options(tool, options.plan.load);
  add_output(tool, options);
  add_tests(tool, options);
  add_comparison(tool, options);
}

void join_bench_options(BenchOptions& options) {
  // llama-bench's -o names a format; a script that uses it goes on working.
  if (bench_format_by_name(options.output)) {
    options.format = options.output;
    options.output = "-";
  }
  if (options.json) {
    if (options.format != "md" && options.format != "json") {
      fail_usage("--json and --format {} exclude each other", options.format);
    }
    options.format = "json";
  }
  if (options.baseline.empty()) return;
  if (options.compare.size() > 1 || (options.has_model() && !options.compare.empty())) {
    fail_usage("--baseline and --compare both name what to compare with; give one");
  }
  options.compare.push_back(options.baseline);
}

void check_bench_options(const BenchOptions& options) {
  if (!options.gates.empty() && options.compare.empty() && options.interleave.empty()) {
    fail_usage("--fail-if needs --baseline, --compare or --interleave");
  }
  if (!options.has_model() && options.compare.size() == 1) {
    fail_usage(
        "--compare {0} compares with a second file: --compare NEW {0}; or with what is measured "
        "now: add -m MODEL",
        lathe::quoted(options.compare.front()));
  }
  if (!options.has_model() && options.compare.size() != 2) {
    fail_usage(
        "a model is needed: -m MODEL (or --shape, --machine, or --compare NEW.json BASE.json)");
  }
  if (options.has_model() && options.compare.size() == 2) {
    fail_usage("--compare with two files measures nothing: leave the model out");
  }
}

std::vector<std::int64_t> threads_of(const Tool& tool, const BenchOptions& options) {
  if (options.threads.empty()) return {tool.common().threads_or_default()};
  return parse_ranges(options.threads);
}

BenchPlan plan_of(const Tool& tool, const BenchOptions& options) {
  BenchPlan plan = options.plan;
  plan.cases = cases_of(options);
  plan.threads = threads_of(tool, options);
  plan.batches = parse_ranges(options.batch);
  plan.kv_types = parse_kv_types(options.kv_types);
  plan.repetitions = static_cast<int>(options.repetitions);
  plan.warmup = !options.no_warmup;
  if (!plan.scheme.empty() && plan.shapes.empty()) fail_usage("--scheme needs --shape");
  if (plan.layers > 0 && plan.shapes.empty()) fail_usage("--layers needs --shape");
  if (options.speculate && options.sequences != "1") {
    fail_usage("--speculate checks the draft of one sequence: leave --npl out");
  }
  if (!plan.draft.empty() && !options.speculate) fail_usage("--draft needs --speculate");
  if (!options.first_token.empty()) {
    if (!plan.shapes.empty()) fail_usage("--first-token needs a model file: -m, not --shape");
    if (options.first_token != "warm") plan.starts.push_back(BenchStart::kCold);
    if (options.first_token != "cold") plan.starts.push_back(BenchStart::kWarm);
  }
  if (!options.interleave.empty()) {
    if (!options.compare.empty()) fail_usage("--interleave and --compare exclude each other");
    if (plan.models.size() + plan.shapes.size() > 1 || plan.threads.size() > 1 ||
        plan.batches.size() > 1 || plan.kv_types.size() > 1) {
      fail_usage("--interleave compares one setting: give one model, one -t, -b and --kv-type");
    }
    if (plan.cases.empty()) fail_usage("--interleave needs a test besides --first-token");
    if (plan.repetitions == 1) tool.warn("with -r 1 an interval says nothing about the noise");
  }
  return plan;
}

}  // namespace lathe::tool
