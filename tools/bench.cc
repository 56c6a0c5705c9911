// bench: how fast a model runs here, beside what the machine allows.
#include "lathe/bench.h"

#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lathe/bench_compare.h"
#include "lathe/bench_limit.h"
#include "lathe/bench_report.h"
#include "lathe/lathe.h"
#include "lathe/machine.h"

#include "common/input.h"
#include "common/load_options.h"
#include "common/machine_text.h"
#include "common/output.h"
#include "common/plot_file.h"
#include "common/progress_bar.h"
#include "common/random_model.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> shapes;
  std::string scheme;
  std::string prompt = "512";
  std::string gen = "128";
  std::vector<std::string> prompt_gen;
  std::string depth = "0";
  std::string batch = "512";
  std::string threads;
  std::string sequences = "1";
  std::vector<std::string> mixed;
  std::string kv_type = "f16";
  LoadOptions load;
  std::string format = "md";
  std::string output = "-";
  bool force = false;
  std::int64_t repetitions = 5;
  bool no_warmup = false;
  bool machine = false;
  std::vector<std::string> compare;
  std::vector<std::string> gates;
  std::string plot;
};

struct KvChoice {
  KvType type;
  double element_bytes;
};

KvChoice kv_choice(const std::string& name) {
  if (name == "f32") return {KvType::kF32, 4.0};
  if (name == "int8") return {KvType::kInt8, 1.0};
  return {KvType::kF16, 2.0};
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

// Positions that the KV cache must hold for the largest case, pages rounded up.
std::int64_t kv_positions(const std::vector<BenchCase>& cases) {
  std::int64_t most = 0;
  for (const BenchCase& c : cases) {
    if (c.batched()) continue;
    constexpr std::int64_t kRound = 256;
    const std::int64_t each = c.n_prompt + c.n_gen + c.n_depth;
    most = std::max(most, (each + kRound) * (c.sequences + 1));
  }
  return most;
}

std::unique_ptr<Engine> make_engine(const std::shared_ptr<const Model>& model,
                                    const BenchCase& test, const SessionOptions& session) {
  EngineOptions options;
  options.threads = session.threads;
  options.kv_type = session.kv_type;
  // Traffic as generate has it; equal sequences in phases of their own.
  if (!test.traffic) options.prefill_chunk = session.chunk;
  options.share_prefixes = test.n_depth > 0 || !test.traffic;
  if (!test.traffic) options.max_batch = test.sequences;
  return Engine::create(model, nullptr, options);
}

class Runner {
 public:
  Runner(const Tool& tool, const Options& options) : tool_(tool), options_(options) {}

  std::vector<BenchRow> run() {
    std::vector<BenchCase> cases;
    for (const std::string& text : options_.mixed) {
      cases.push_back({.traffic = parse_traffic(text)});
    }
    if (cases.empty()) {
      cases = make_cases(
          {options_.prompt, options_.gen, options_.prompt_gen, options_.depth, options_.sequences});
    }
    std::vector<std::int64_t> threads = {tool_.common().threads_or_default()};
    if (!options_.threads.empty()) threads = parse_ranges(options_.threads);
    const auto measure = [&](const std::string& name,
                             const std::shared_ptr<const Checkpoint>& checkpoint) {
      const auto model = Model::load(checkpoint, nullptr, options_.load);
      for (const std::int64_t t : threads) {
        for (const std::int64_t batch : parse_ranges(options_.batch)) {
          run_model(name, *checkpoint, model, cases, static_cast<int>(t), batch);
        }
      }
    };
    for (const std::string& path : options_.models) measure(path, Checkpoint::open(path));
    for (const std::string& shape : options_.shapes) {
      measure(shape, random_model(tool_, shape, options_.scheme, static_cast<int>(threads[0])));
    }
    return std::move(rows_);
  }

 private:
  void run_model(const std::string& path, const Checkpoint& checkpoint,
                 const std::shared_ptr<const Model>& model, const std::vector<BenchCase>& cases,
                 int threads, std::int64_t batch) {
    if (threads < 1 || batch < 1) fail_usage("-t and -b must be at least 1");
    const KvChoice kv = kv_choice(options_.kv_type);
    const ModelCost cost = model_cost(checkpoint, kv.element_bytes);
    if (!limits_ || limits_->threads != threads) limits_ = measure_machine(threads);

    SessionOptions session_options;
    session_options.threads = threads;
    session_options.kv_type = kv.type;
    session_options.chunk = batch;
    session_options.max_tokens = kv_positions(cases);
    const auto session = Session::create(model, session_options);

    BenchRow row;
    row.setting = {path,
                   model_type_name(checkpoint, cost),
                   cost.step_bytes,
                   cost.parameters,
                   threads,
                   batch,
                   options_.kv_type,
                   limits_->isa,
                   limits_->cpu,
                   utc_now(),
                   version()};
    for (const BenchCase& test : cases) {
      ProgressBar bar(tool_, "bench");
      const double stolen = stolen_seconds();
      const auto repetitions = static_cast<int>(options_.repetitions);
      const int warmup = options_.no_warmup ? 0 : 1;
      if (test.batched()) {
        const auto engine = make_engine(model, test, session_options);
        row.result = run_engine_bench(*engine, test, repetitions, warmup, bar.callback());
      } else {
        row.result = run_bench(*session, test, repetitions, warmup, bar.callback());
      }
      bar.finish();
      row.limit_ts.reset();
      if (!test.traffic) {
        const BenchLimit limit = bench_limit(test, cost, *limits_);
        row.limit_ts = limit.tokens_per_second;
        row.limit_kind = limit.kind;
      }
      rows_.push_back(row);
      const double lost = stolen_seconds() - stolen;
      if (lost > 0.1) {
        tool_.warn(fmt::format("{}: the host took {:.1f} s of processor time away during this test",
                               test.name(), lost));
      }
    }
  }

  const Tool& tool_;
  const Options& options_;
  std::optional<MachineLimits> limits_;
  std::vector<BenchRow> rows_;
};

std::vector<BenchRecord> records_of(const std::vector<BenchRow>& rows) {
  std::vector<BenchRecord> records;
  for (const BenchRow& row : rows) {
    records.push_back(
        {row.setting.model_filename, row.result.test.name(), row.result.tokens_per_second()});
  }
  return records;
}

// The comparison as text; true when every gate holds.
bool compare(const Tool& tool, const Options& options, std::span<const BenchRecord> ours,
             std::span<const BenchRecord> base, std::string& out) {
  std::vector<BenchGate> gates;
  for (const std::string& gate : options.gates) gates.push_back(parse_gate(gate));
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
    for (std::size_t i = 0; i < gates.size(); ++i) {
      if (!gate_missed(gates[i], row)) continue;
      passed = false;
      tool.warn(fmt::format("gate missed: {}: {} changed by {:+.1f} %", options.gates[i], row.test,
                            100.0 * (row.ratio.ratio - 1.0)));
    }
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
    int threads = tool.common().threads_or_default();
    if (!options.threads.empty()) threads = static_cast<int>(parse_ranges(options.threads).at(0));
    output.write(machine_text(measure_machine(threads), format == BenchFormat::kJson));
    output.finish();
    return 0;
  }
  std::vector<BenchRecord> ours;
  std::string text;
  if (!options.scheme.empty() && options.shapes.empty()) fail_usage("--scheme needs --shape");
  if (!options.models.empty() || !options.shapes.empty()) {
    const std::vector<BenchRow> rows = Runner(tool, options).run();
    ours = records_of(rows);
    text = format_bench(rows, format);
    if (format == BenchFormat::kMarkdown) {
      std::vector<BenchRow> batched, traffic;
      for (const BenchRow& row : rows) {
        if (row.result.test.sequences > 1) batched.push_back(row);
        if (row.result.test.traffic) traffic.push_back(row);
      }
      if (!batched.empty()) text += "\n" + format_batched(batched);
      if (!traffic.empty()) text += "\n" + format_traffic(traffic);
    }
  } else if (options.compare.size() == 2) {
    ours = read_bench_records(read_all(options.compare[0]), options.compare[0]);
  } else {
    fail_usage(
        "a model is needed: -m MODEL (or --shape, --machine, or --compare NEW.json BASE.json)");
  }
  bool passed = true;
  if (!options.compare.empty()) {
    const std::string& base = options.compare.back();
    std::string table;
    passed = compare(tool, options, ours, read_bench_records(read_all(base), base), table);
    // Results for programs stay clean: the comparison then goes to the person.
    if (format == BenchFormat::kMarkdown) {
      text += (text.empty() ? "" : "\n") + table;
    } else {
      tool.note(table);
    }
  }
  output.write(text);
  output.finish();
  if (!options.plot.empty()) write_plot(options.plot, options.force, ours);
  return passed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("bench", "measure how fast a model runs, beside what the machine allows");
  Options options;
  CLI::App& app = tool.app();
  tool.add_common(0);
  tool.repeatable("-m,--model", options.models, "the model; several may be given")
      ->type_name("MODEL");
  tool.repeatable("--shape", options.shapes, "a model of this shape with random weights instead")
      ->type_name("SHAPE");
  app.add_option("--scheme", options.scheme, "how --shape is quantized: w4, w8, f16, ...")
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
  app.add_option("-t,--threads", options.threads,
                 "threads; the cores this process may use when not given")
      ->type_name("N");
  tool.choice("--kv-type", options.kv_type, "type of the KV cache", {"f16", "f32", "int8"});
  add_load_options(tool, options.load);
  tool.number("-r,--repetitions", options.repetitions, "timed runs of each test", 1, 100000);
  app.add_flag("--no-warmup", options.no_warmup, "no untimed run first");
  tool.choice("--format", options.format, "form of the results",
              {"md", "csv", "json", "jsonl", "sql"});
  app.add_option("-o,--output", options.output,
                 "file to write, - is standard output; a format's name is taken as --format")
      ->type_name("FILE");
  app.add_flag("-f,--force", options.force, "replace files that exist");
  app.add_flag("--machine", options.machine, "measure the machine's limits, no model");
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
