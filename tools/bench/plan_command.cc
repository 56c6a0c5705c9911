#include "bench/plan_command.h"

#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/bench/load.h"
#include "lathe/host/temporary_folder.h"
#include "lathe/lathe.h"
#include "lathe/workers/plan.h"

#include "bench/plan_rates.h"
#include "bench/random_model.h"
#include "common/given.h"
#include "common/output.h"
#include "common/text.h"
#include "common/tool.h"

namespace lathe::tool {
namespace {

struct Options {
  std::string shape, scheme, traffic = "in=512,out=128,n=100", trace, objective, decode_rates;
  std::int64_t workers = 4, layers = 0, max_batch = 16, repetitions = 1;
  double rate = 0.0, prefill_rate = 0.0;
  std::uint64_t transfer_rate = 0, kv_bytes = 0;
  CLI::Option* traffic_option = nullptr;
};

void add_options(Tool& tool, Options& o) {
  CLI::App& app = tool.app();
  app.add_option("--shape", o.shape, "A model of a known shape with random weights, as in bench")
      ->type_name("NAME");
  app.add_option("-s,--scheme", o.scheme, "The scheme of those weights")->type_name("NAME");
  tool.number("--layers", o.layers, "Only the first N layers of the shape; 0 is all", 0, 1 << 20);
  tool.number("--workers", o.workers, "Workers to share out", 2, 4096);
  o.traffic_option =
      app.add_option("--traffic", o.traffic, "Tokens of prompts and answers, numbers or ranges")
          ->type_name("in=N,out=N,n=N")
          ->capture_default_str();
  app.add_option("--trace", o.trace,
                 "Requests of FILE in place of those, lines {\"at\": s, \"in\": N, \"out\": N}")
      ->type_name("FILE");
  tool.number("--rate", o.rate,
              "Requests a second that times are expected for (default: four fifths of the highest, "
              "or the trace's)",
              1e-6, 1e9)
      ->default_str("");
  app.add_option("--slo", o.objective, "Mean times that bound the rate")
      ->type_name("ttft=500ms,tpot=50ms");
  constexpr const char* kRates = "Rates that are known, of machines that one does not have";
  tool.number("--prefill-rate", o.prefill_rate, "Prompt tokens a second of one worker", 1e-6, 1e12)
      ->default_str("")
      ->group(kRates);
  app.add_option("--decode-rates", o.decode_rates,
                 "Tokens a second of one worker that writes so many answers side by side, the "
                 "most that it may at the end")
      ->type_name("BATCH:TOKENS,...")
      ->group(kRates);
  tool.size("--transfer-rate", o.transfer_rate,
            "Bytes a second of keys and values between workers, of all together", "")
      ->group(kRates);
  tool.size("--kv-bytes", o.kv_bytes, "Bytes of keys and values of a token", "")->group(kRates);
  constexpr const char* kMeasured = "Rates that are measured";
  tool.number("--max-batch", o.max_batch, "Answers that a worker may write side by side", 1, 4096)
      ->group(kMeasured);
  tool.number("-r,--repetitions", o.repetitions, "Measure N times", 1, 1000)->group(kMeasured);
}

bool has_model(const Tool& tool, const Options& o) {
  return !tool.common().model.empty() || !o.shape.empty();
}

WorkerRates known_rates(const Options& o) {
  WorkerRates out;
  out.prefill = o.prefill_rate;
  out.decode = parse_decode_rates(o.decode_rates);
  out.transfer = static_cast<double>(o.transfer_rate);
  out.bytes_per_token = static_cast<double>(o.kv_bytes);
  return out;
}

void check(const Tool& tool, const Options& o, const WorkerRates& known) {
  if (!tool.common().model.empty() && !o.shape.empty()) {
    fail_usage("-m and --shape are two models: leave one out");
  }
  if (o.shape.empty() && (!o.scheme.empty() || o.layers > 0)) {
    fail_usage("--scheme and --layers are for --shape");
  }
  if (!o.trace.empty() && given(o.traffic_option)) {
    fail_usage("--trace says how long requests are: leave --traffic out");
  }
  if (has_model(tool, o)) return;
  if (known.prefill <= 0.0 || known.decode.empty()) {
    fail_usage(
        "rates are measured of a model (-m, --shape), or known: add --prefill-rate and "
        "--decode-rates");
  }
  if ((known.transfer > 0.0) != (known.bytes_per_token > 0.0)) {
    fail_usage("--transfer-rate and --kv-bytes belong together");
  }
}

// Of a trace also the rate at which it comes, where it says one.
std::vector<LoadRequest> requests_of(const Options& o, double& rate) {
  if (o.trace.empty()) return plan_load(parse_traffic(o.traffic), 1.0, Arrivals::kFixed, 0);
  std::vector<LoadRequest> out = read_load_trace(read_text(o.trace), o.trace);
  const double seconds = out.back().due - out.front().due;
  if (rate <= 0.0 && seconds > 0.0) rate = static_cast<double>(out.size() - 1) / seconds;
  return out;
}

std::shared_ptr<const Model> open_model(const Tool& tool, const Options& o) {
  LoadOptions load;
  load.threads = tool.common().threads_or_default();
  std::optional<TemporaryFolder> folder;  // until it is loaded
  const auto checkpoint =
      o.shape.empty() ? Checkpoint::open(tool.common().model)
                      : random_model(tool, o.shape, o.scheme, o.layers, load.threads, folder);
  return Model::load(checkpoint, nullptr, load);
}

int run(const Tool& tool, const Options& o) {
  WorkerRates rates = known_rates(o);
  check(tool, o, rates);
  const LoadObjective objective =
      o.objective.empty() ? LoadObjective() : parse_objective(o.objective);
  double rate = o.rate;
  const RequestLengths lengths = lengths_of(requests_of(o, rate));
  Output output(tool.common().output, tool.common().force);
  if (has_model(tool, o)) {
    RateOptions options;
    options.threads = tool.common().threads_or_default();
    options.max_batch = o.max_batch;
    options.repetitions = static_cast<int>(o.repetitions);
    rates = measure_rates(tool, open_model(tool, o), lengths, options, std::move(rates));
  }
  const WorkerPlan plan = plan_workers(rates, lengths, o.workers, objective, rate);
  output.write(tool.common().json() ? plan_json(plan, rates, lengths, objective)
                                    : plan_text(plan, rates, lengths, output.columns()));
  output.finish();
  // A rate that was asked for, and that the best of them does not hold.
  return rate > 0.0 && plan.splits[plan.best].highest_rate < rate ? 1 : 0;
}

}  // namespace

int run_bench_plan(int argc, char** argv) {
  Tool tool("bench plan", "how many workers for prompts, and how many for answers");
  Options options;
  tool.add_common(kModelOptional | kOutput | kThreads | kJson);
  add_options(tool, options);
  tool.synopsis("(-m MODEL | --shape NAME | --prefill-rate X --decode-rates ...) [OPTION]...");
  tool.example("bench plan -m model.lathe --workers 6 --traffic in=256..2048,out=64..256,n=100",
               "Of workers as this machine");
  tool.example(
      "bench plan --prefill-rate 9000 --decode-rates 1:60,16:700,64:1500 --workers 32 "
      "--slo ttft=500ms,tpot=50ms",
      "Of machines whose rates are known");
  tool.see_also("bench(1), bench-serve(1), serve(1), lathe(7)");
  return tool.run(argc, argv, [&] { return run(tool, options); });
}

}  // namespace lathe::tool
