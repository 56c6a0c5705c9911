// bench: how fast a model runs here, beside what the machine allows.
#include "lathe/bench.h"

#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "lathe/bench_compare.h"
#include "lathe/bench_report.h"
#include "lathe/lathe.h"
#include "lathe/machine.h"

#include "common/bench_peers.h"
#include "common/bench_runner.h"
#include "common/input.h"
#include "common/load_options.h"
#include "common/machine_text.h"
#include "common/output.h"
#include "common/plot_file.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;

struct Options {
  BenchPlan plan;
  std::string prompt = "512";
  std::string gen = "128";
  std::vector<std::string> prompt_gen;
  std::string depth = "0";
  std::string batch = "512";
  std::string threads;
  std::string sequences = "1";
  std::vector<std::string> mixed;
  std::string first_token;
  std::string kv_type = "f16";
  std::string format = "md";
  std::string output = "-";
  bool force = false;
  std::int64_t repetitions = 5;
  bool no_warmup = false;
  bool machine = false;
  std::vector<std::string> interleave;
  double interleave_timeout = 3600;
  std::vector<std::string> compare;
  std::vector<std::string> gates;
  std::string plot;

  bool has_model() const { return !plan.models.empty() || !plan.shapes.empty(); }
};

std::vector<BenchCase> cases_of(const Options& options) {
  std::vector<BenchCase> cases;
  for (const std::string& text : options.mixed) cases.push_back({.traffic = parse_traffic(text)});
  const bool nothing_else =
      options.prompt == "0" && options.gen == "0" && options.prompt_gen.empty();
  if (!cases.empty() || (nothing_else && !options.first_token.empty())) return cases;
  return make_cases(
      {options.prompt, options.gen, options.prompt_gen, options.depth, options.sequences});
}

std::vector<std::int64_t> threads_of(const Tool& tool, const Options& options) {
  if (options.threads.empty()) return {tool.common().threads_or_default()};
  return parse_ranges(options.threads);
}

// What is to be measured; refuses what means nothing before anything is.
BenchPlan plan_of(const Tool& tool, const Options& options) {
  BenchPlan plan = options.plan;
  plan.cases = cases_of(options);
  plan.threads = threads_of(tool, options);
  plan.batches = parse_ranges(options.batch);
  plan.kv_type = options.kv_type;
  plan.repetitions = static_cast<int>(options.repetitions);
  plan.warmup = !options.no_warmup;
  if (!plan.scheme.empty() && plan.shapes.empty()) fail_usage("--scheme needs --shape");
  if (!options.first_token.empty()) {
    if (!plan.shapes.empty()) fail_usage("--first-token needs a model file: -m, not --shape");
    if (options.first_token != "warm") plan.starts.push_back(BenchStart::kCold);
    if (options.first_token != "cold") plan.starts.push_back(BenchStart::kWarm);
  }
  if (!options.interleave.empty()) {
    if (!options.compare.empty()) fail_usage("--interleave and --compare exclude each other");
    if (plan.models.size() + plan.shapes.size() > 1 || plan.threads.size() > 1 ||
        plan.batches.size() > 1) {
      fail_usage("--interleave compares one setting: give one model, one -t and one -b");
    }
    if (plan.cases.empty()) fail_usage("--interleave needs a test besides --first-token");
    if (plan.repetitions == 1) tool.warn("with -r 1 an interval says nothing about the noise");
  }
  return plan;
}

// All rows: ours first, then those of the other programs. These take the first turn, so that a
// command that is wrong is told at once.
std::vector<BenchRow> measure(const Tool& tool, const Options& options) {
  const BenchPlan plan = plan_of(tool, options);
  BenchRunner runner(tool, plan);
  std::vector<std::string> tests;
  for (const BenchCase& test : plan.cases) tests.push_back(test.name());
  BenchPeers peers(tool, options.interleave, tests, options.interleave_timeout);
  std::vector<BenchRow> rows;
  if (peers.empty()) {
    rows = runner.first_tokens();
    for (BenchRow& row : runner.run(plan.repetitions)) rows.push_back(std::move(row));
    return rows;
  }
  std::vector<BenchRow> ours;
  for (int turn = 0; turn < plan.repetitions; ++turn) {
    peers.run();
    if (turn == 0) rows = runner.first_tokens();
    add_samples(ours, runner.run(1));
  }
  std::vector<BenchRow> theirs = peers.rows(ours);
  for (std::vector<BenchRow>* more : {&ours, &theirs}) {
    for (BenchRow& row : *more) rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<BenchGate> gates_of(const Options& options) {
  std::vector<BenchGate> gates;
  for (const std::string& gate : options.gates) gates.push_back(parse_gate(gate));
  return gates;
}

// True when every gate holds; says which do not.
bool gates_hold(const Tool& tool, const Options& options, const BenchComparison& row,
                const std::string& beside) {
  const std::vector<BenchGate> gates = gates_of(options);
  bool hold = true;
  for (std::size_t i = 0; i < gates.size(); ++i) {
    if (!gate_missed(gates[i], row)) continue;
    hold = false;
    tool.warn(fmt::format("gate missed: {}: {} is {:+.1f} % beside {}", options.gates[i], row.test,
                          100.0 * (row.ratio.ratio - 1.0), escape_for_terminal(beside)));
  }
  return hold;
}

// The comparison as text; true when every gate holds.
bool compare(const Tool& tool, const Options& options, std::span<const BenchRecord> ours,
             std::span<const BenchRecord> base, std::string& out) {
  const std::vector<BenchComparison> rows = compare_records(ours, base);
  if (rows.empty()) {
    fail(ErrorCode::kInvalid, "{}: has no test that was measured here too",
         quoted(options.compare.back()));
  }
  bool passed = true;
  out += fmt::format("{:<20} {:>12} {:>12} {:>8}  {}\n", "test", "t/s", "base t/s", "ratio",
                     "95 % interval");
  for (const BenchComparison& row : rows) {
    out += fmt::format("{:<20} {:>12.2f} {:>12.2f} {:>8.3f}  {:.3f} … {:.3f}{}\n", row.test,
                       row.ours_ts, row.base_ts, row.ratio.ratio, row.ratio.low, row.ratio.high,
                       row.ratio.can_tell() ? "" : "  can't tell: the noise is larger");
    passed = gates_hold(tool, options, row, options.compare.back()) && passed;
  }
  return passed;
}

bool peers_pass(const Tool& tool, const Options& options, std::span<const BenchRow> rows) {
  bool passed = true;
  for (const BenchRow& row : rows) {
    if (!row.ratio) continue;
    const BenchComparison comparison = {row.result.test.name(), 0.0, 0.0, *row.ratio};
    passed = gates_hold(tool, options, comparison, row.program) && passed;
  }
  return passed;
}

int bench(const Tool& tool, Options& options) {
  // llama-bench's -o names a format; a script that uses it goes on working.
  if (bench_format_by_name(options.output)) {
    options.format = options.output;
    options.output = "-";
  }
  const BenchFormat format = *bench_format_by_name(options.format);
  Output output(options.output, options.force);
  if (options.machine) {
    const auto threads = static_cast<int>(threads_of(tool, options).at(0));
    output.write(machine_text(measure_machine(threads), format == BenchFormat::kJson));
    output.finish();
    return 0;
  }
  gates_of(options);  // a wrong one is told before anything is measured
  if (!options.gates.empty() && options.compare.empty() && options.interleave.empty()) {
    fail_usage("--fail-if needs --compare or --interleave");
  }
  // Results for programs stay clean: a comparison then goes to the person.
  const bool for_people = format == BenchFormat::kMarkdown;
  std::vector<BenchRow> rows;
  std::string text;
  bool passed = true;
  if (options.has_model()) {
    rows = measure(tool, options);
    text = format_bench(rows, format);
    if (!options.interleave.empty() && !for_people) tool.note(format_beside(rows));
    passed = peers_pass(tool, options, rows);
  } else if (options.compare.size() == 2) {
    rows = read_bench_rows(read_all(options.compare[0]), options.compare[0]);
  } else {
    fail_usage(
        "a model is needed: -m MODEL (or --shape, --machine, or --compare NEW.json BASE.json)");
  }
  if (!options.compare.empty()) {
    const std::string& base = options.compare.back();
    std::string table;
    passed = compare(tool, options, bench_records(rows), read_bench_records(read_all(base), base),
                     table);
    if (for_people) {
      text += (text.empty() ? "" : "\n") + table;
    } else {
      tool.note(table);
    }
  }
  output.write(text);
  output.finish();
  if (!options.plot.empty()) write_plot(options.plot, options.force, rows);
  return passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("bench", "measure how fast a model runs, beside what the machine allows");
  Options options;
  CLI::App& app = tool.app();
  tool.add_common(0);
  tool.repeatable("-m,--model", options.plan.models, "the model; several may be given")
      ->type_name("MODEL");
  tool.repeatable("--shape", options.plan.shapes,
                  "a model of this shape with random weights instead")
      ->type_name("SHAPE");
  app.add_option("--scheme", options.plan.scheme, "how --shape is quantized: w4, w8, f16, ...")
      ->type_name("SCHEME");
  app.add_option("-p,--n-prompt", options.prompt, "prompt tokens (prefill)")->type_name("N");
  app.add_option("-n,--n-gen", options.gen, "tokens to generate (decode)")->type_name("N");
  tool.repeatable("--pg", options.prompt_gen, "prompt and generation together, as P,N (also -pg)")
      ->type_name("P,N");
  app.add_option("-d,--n-depth", options.depth, "tokens in the context before the test begins")
      ->type_name("N");
  app.add_option("-b,--batch-size", options.batch, "longest piece of a prompt computed at once")
      ->type_name("N");
  app.add_option("--npl", options.sequences, "sequences at once (also -npl)")->type_name("N");
  tool.repeatable("--mixed", options.mixed,
                  "requests of many lengths at once, as in=128..512,out=32..256,n=64")
      ->type_name("SPEC");
  tool.choice("--first-token", options.first_token,
              "time generate from its start to the first token, the model on disk or in the "
              "page cache",
              {"cold", "warm", "both"})
      ->default_str("");
  app.add_option("-t,--threads", options.threads,
                 "threads; the cores this process may use when not given")
      ->type_name("N");
  tool.choice("--kv-type", options.kv_type, "type of the KV cache", {"f16", "f32", "int8"});
  add_load_options(tool, options.plan.load);
  tool.number("-r,--repetitions", options.repetitions, "timed runs of each test", 1, 100000);
  app.add_flag("--no-warmup", options.no_warmup, "no untimed run first");
  tool.choice("--format", options.format, "form of the results",
              {"md", "csv", "json", "jsonl", "sql"});
  app.add_option("-o,--output", options.output,
                 "file to write, - is standard output; a format's name is taken as --format")
      ->type_name("FILE");
  app.add_flag("-f,--force", options.force, "replace files that exist");
  app.add_flag("--machine", options.machine, "measure the machine's limits, no model");
  tool.repeatable("--interleave", options.interleave,
                  "measure another program in turn: a shell command that prints JSON as "
                  "llama-bench -o json does")
      ->type_name("COMMAND");
  tool.number("--interleave-timeout", options.interleave_timeout,
              "give up a run of such a command after X seconds; 0 is never", 0, 1e9);
  app.add_option("--compare", options.compare,
                 "results to compare with; two files: compare the first with the second")
      ->type_name("FILE")
      ->expected(1, 2);
  tool.repeatable("--fail-if", options.gates, "exit 1 when a test got slower, such as tg<-5%")
      ->type_name("GATE");
  app.add_option("--plot", options.plot, "a chart of the results")->type_name("FILE.svg");
  tool.synopsis("-m MODEL [-p N] [-n N] [OPTION]...");
  tool.example("bench --shape tinyllama-1.1b --scheme w4", "No model at hand: random weights");
  tool.example("bench -m model.lathe", "Prefill of 512 tokens and decode of 128");
  tool.example("bench -m model.lathe -p 0 -n 32 -d 0,1024-4096+1024", "Decode at growing depth");
  tool.example("bench -m model.lathe -p 128 -n 32 -npl 1-16*2", "1 to 16 sequences at once");
  tool.example("bench -m model.lathe --mixed in=16..64,out=8..32,n=12 -r 1",
               "Requests of many lengths through the engine");
  tool.example("bench -m model.lathe --compare base.json --fail-if 'tg<-5%'",
               "In CI: fail when decode got slower");
  tool.example("bench -m model.lathe --first-token both -p 0 -n 0",
               "From the start of generate to its first token");
  tool.example("bench -m model.lathe --interleave 'llama-bench -m model.gguf -r 1 -o json'",
               "In turn with another program: ratios with intervals");
  tool.see_also("perplexity(1), quantize(1), lathe(7)");

  // Names of several letters after one dash are llama-bench's way, not the parser's.
  static char pg[] = "--pg";
  static char npl[] = "--npl";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "-pg") argv[i] = pg;
    if (argument == "-npl") argv[i] = npl;
  }
  return tool.run(argc, argv, [&] { return bench(tool, options); });
}
