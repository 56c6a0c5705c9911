// bench: how fast a model runs here, beside what the machine allows.
#include "lathe/bench/bench.h"

#include <span>
#include <string>
#include <vector>

#include "lathe/bench/compare.h"
#include "lathe/bench/machine.h"
#include "lathe/bench/report.h"

#include "bench/machine_text.h"
#include "bench/options.h"
#include "bench/peers.h"
#include "bench/plot_file.h"
#include "bench/runner.h"
#include "bench/serve_command.h"
#include "common/gates.h"
#include "common/input.h"
#include "common/output.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;

std::vector<std::string> names_of(std::span<const BenchCase> cases) {
  std::vector<std::string> names;
  for (const BenchCase& test : cases) names.push_back(test.name());
  return names;
}

// All rows: ours first, then those of the other programs. These take the first turn, so that a
// command that is wrong is told at once.
std::vector<BenchRow> measure(const Tool& tool, const BenchOptions& options,
                              const BenchPlan& plan) {
  BenchRunner runner(tool, plan);
  BenchPeers peers(tool, options.interleave, names_of(plan.cases), options.interleave_timeout);
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

// Ours beside a base; true when every gate holds.
bool compare_with_base(const BenchGates& gates, const std::string& base_name,
                       std::span<const BenchRow> ours, std::span<const BenchRow> base,
                       std::string& table) {
  const std::vector<BenchComparison> rows =
      compare_records(bench_records(ours), bench_records(base));
  if (rows.empty()) {
    fail(ErrorCode::kInvalid, "{}: has no test that was measured here too", quoted(base_name));
  }
  std::vector<std::string> tests;
  for (const BenchComparison& row : rows) tests.push_back(row.test);
  gates.check_concern(tests);
  table = comparison_table(rows);
  bool passed = true;
  for (const BenchComparison& row : rows) passed = gates.hold(row, base_name) && passed;
  return passed;
}

bool peers_pass(const BenchGates& gates, std::span<const BenchRow> rows) {
  bool passed = true;
  for (const BenchRow& row : rows) {
    if (!row.ratio) continue;
    const BenchComparison comparison = {row.result.test.name(), 0.0, 0.0, *row.ratio};
    passed = gates.hold(comparison, row.program) && passed;
  }
  return passed;
}

int measure_limits(const Tool& tool, const BenchOptions& options, BenchFormat format) {
  Output output(options.output, options.force);
  const auto threads = static_cast<int>(threads_of(tool, options).at(0));
  output.write(machine_text(measure_machine(threads), format == BenchFormat::kJson));
  output.finish();
  return 0;
}

// What would be found wrong after minutes of measuring only is looked at before: gates, names of
// outputs, the base.
int bench(const Tool& tool, BenchOptions& options) {
  join_bench_options(options);
  const BenchFormat format = *bench_format_by_name(options.format);
  if (options.machine) return measure_limits(tool, options, format);
  const BenchGates gates(tool, options.gates, GateOf::kClock);
  check_bench_options(options);
  BenchPlan plan;
  if (options.has_model()) plan = plan_of(tool, options);
  if (!options.interleave.empty()) gates.check_concern(names_of(plan.cases));
  const std::string base_name = options.compare.empty() ? "" : options.compare.back();
  std::vector<BenchRow> base;
  if (!base_name.empty()) base = read_bench_rows(read_all(base_name), base_name);
  Output output(options.output, options.force);
  PlotFile plot(options.plot, options.force);

  // Results for programs stay clean: a comparison then goes to the person.
  const bool for_people = format == BenchFormat::kMarkdown;
  std::vector<BenchRow> rows;
  std::string text;
  bool passed = true;
  if (options.has_model()) {
    rows = measure(tool, options, plan);
    text = format_bench(rows, format, output.columns());
    if (!options.interleave.empty() && !for_people) tool.note(format_beside(rows));
    passed = peers_pass(gates, rows);
  } else {
    rows = read_bench_rows(read_all(options.compare[0]), options.compare[0]);
  }
  if (!base_name.empty()) {
    std::string table;
    passed = compare_with_base(gates, base_name, rows, base, table);
    if (for_people) {
      text += (text.empty() ? "" : "\n") + table;
    } else {
      tool.note(table);
    }
  }
  output.write(text);
  output.finish();
  plot.write(rows, base, base_name);
  return passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "serve") return run_bench_serve(argc - 1, argv + 1);
  Tool tool("bench", "measure how fast a model runs, beside what the machine allows");
  BenchOptions options;
  add_bench_options(tool, options);
  tool.synopsis("-m MODEL [-p N] [-n N] [OPTION]...");
  tool.example("bench --shape tinyllama-1.1b --scheme w4", "No model at hand: random weights");
  tool.example("bench -m model.lathe", "Prefill of 512 tokens and decode of 128");
  tool.example("bench -m model.lathe -p 0 -n 32 -d 0,1024-4096+1024", "Decode at growing depth");
  tool.example("bench -m model.lathe -p 128 -n 32 -npl 1-16*2", "1 to 16 sequences at once");
  tool.example("bench -m model.lathe --speculate --draft small.lathe",
               "What checking drafts costs, and how many must hold for them to pay");
  tool.example("bench -m model.lathe --mixed in=16..64,out=8..32,n=12 -r 1",
               "Requests of many lengths through the engine");
  tool.example("bench -m model.lathe --baseline base.json --fail-if 'tg<-5%'",
               "In CI: fail when decode got slower");
  tool.example("bench -m model.lathe --first-token both -p 0 -n 0",
               "From the start of generate to its first token");
  tool.example("bench -m model.lathe --interleave 'llama-bench -m model.gguf -r 1 -o json'",
               "In turn with another program: ratios with intervals");
  tool.example("bench serve --url http://127.0.0.1:8080/v1 --rate 4",
               "A server, under requests that come at a rate; bench serve --help says more");
  tool.see_also("bench-serve(1), perplexity(1), quantize(1), lathe(7)");

  // Names of several letters after one dash are llama-bench's way, not the parser's.
  static char pg[] = "--pg";
  static char npl[] = "--npl";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "-pg") argv[i] = pg;
    if (argument == "-npl") argv[i] = npl;
  }
  tool.compute_together();
  return tool.run(argc, argv, [&] { return bench(tool, options); });
}
