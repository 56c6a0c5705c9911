#include "bench/serve_command.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/bench/load.h"
#include "lathe/host/output_file.h"
#include "lathe/lathe.h"
#include "lathe/model_config.h"

#include "bench/load_client.h"
#include "bench/load_runner.h"
#include "common/given.h"
#include "common/output.h"
#include "common/process.h"
#include "common/progress_bar.h"
#include "common/text.h"
#include "common/tool.h"
#include "common/workers.h"

namespace lathe::tool {
namespace {

struct Options {
  LoadTarget target;
  WorkerFlags workers;  // in place of a server
  std::string traffic = "in=128,out=64,n=100", trace, objective, api_key_file, arrivals = "poisson";
  std::vector<double> rates = {1.0};
  double share = 99.0;
  std::uint64_t seed = 0;
  bool find_rate = false;
  std::string plot;
  CLI::Option* rate_option = nullptr;
  CLI::Option* traffic_option = nullptr;
  bool no_shared_memory = false;
  CLI::Option* parts_option = nullptr;
  CLI::Option* no_memory_option = nullptr;
};

void add_options(Tool& tool, Options& o) {
  CLI::App& app = tool.app();
  app.add_option("--url", o.target.url,
                 "The server: http://HOST:PORT/v1, or unix:PATH for a socket file")
      ->type_name("URL");
  add_workers(tool, o.workers, app.option_defaults()->get_group());
  o.parts_option = tool.number(
      "--part-tokens", o.workers.part_tokens,
      "Where prompts are computed apart (serve --role): tokens after which what is known of one "
      "goes on to who writes the answer, while the rest is computed; 0: all of it at the end",
      0, 1 << 20);
  o.no_memory_option = app.add_flag("--no-shared-memory", o.no_shared_memory,
                                    "It goes through sockets, also on one machine");
  o.rate_option = app.add_option("--rate", o.rates, "Requests a second; several, one after another")
                      ->delimiter(',')
                      ->check(CLI::Range(1e-3, 1e6))
                      ->type_name("X[,X...]")
                      ->capture_default_str();
  o.traffic_option =
      app.add_option("--traffic", o.traffic,
                     "Tokens of prompts and answers, numbers or ranges, and how many requests")
          ->type_name("in=N,out=N,n=N")
          ->capture_default_str();
  tool.choice("--arrivals", o.arrivals,
              "poisson: as many callers who know nothing of each other; fixed: evenly",
              {"poisson", "fixed"});
  app.add_option("--trace", o.trace,
                 "Requests with times, in place of the above: lines {\"at\": s, \"in\": N, "
                 "\"out\": N}")
      ->type_name("FILE");
  app.add_option("--slo", o.objective,
                 "What answers should keep: time to the first token, and for each further one. "
                 "Status 1 when too few did")
      ->type_name("ttft=500ms,tpot=50ms");
  tool.number("--slo-share", o.share, "Percent of the requests that must keep it", 0, 100);
  app.add_flag("--find-rate", o.find_rate,
               "Search the highest rate at which the objective is kept, beginning at --rate");
  app.add_option("--plot", o.plot, "Draw latency against rate")->type_name("FILE.svg");
  app.add_option("--api-key-file", o.api_key_file, "Show the key in the first line of FILE")
      ->type_name("FILE");
  tool.number("--timeout", o.target.timeout, "Seconds to wait for the next piece of an answer", 0.1,
              1e6);
  tool.number(
      "--vocab", o.target.prompts.end_id,
      "Prompts are random token ids from 256 to below N: the same ones every time, none twice", 257,
      1 << 24);
  tool.number("--seed", o.seed, "The same seed gives the same times of arrival");
}

void check(const Tool& tool, Options& o) {
  const bool server = !o.target.url.empty(), model = !tool.common().model.empty();
  if (!server && !o.workers.given() && !model) {
    fail_usage("who is measured? Add --url URL, or -m MODEL for an engine of its own");
  }
  if (server && o.workers.given()) fail_usage("--url and --workers: one of them is measured");
  if (server && model) fail_usage("-m: the server of --url has its model");
  if (o.workers.given() && !model) {
    fail_usage("-m says which model the workers of --workers have");
  }
  if ((server || o.workers.given()) && tool.common().threads > 0) {
    fail_usage("-t is for an engine of its own (-m alone)");
  }
  check_workers(o.workers, {});
  o.workers.share_memory = !o.no_shared_memory;
  const CLI::Option* option = first_given({o.parts_option, o.no_memory_option});
  if (option != nullptr && !o.workers.given()) {
    fail_usage("{} is for --workers", option->get_name());
  }
  if (server) check_target(o.target);
  parse_traffic(o.traffic);
  if (o.find_rate && o.objective.empty()) {
    fail_usage("--find-rate looks for the rate that keeps an objective: add --slo");
  }
  const bool planned = given(o.rate_option) || given(o.traffic_option) || o.find_rate;
  if (o.find_rate && o.rates.size() > 1) fail_usage("--find-rate begins at one --rate");
  if (!o.trace.empty() && planned) {
    fail_usage(
        "--trace says when requests come and how long they are: leave --rate, --traffic "
        "and --find-rate out");
  }
  if (!o.api_key_file.empty()) {
    const std::string text = read_text(o.api_key_file);
    o.target.api_key = text.substr(0, text.find_first_of("\r\n"));
  }
}

class LoadTest {
 public:
  LoadTest(const Tool& tool, const Options& options, LoadObjective objective,
           std::unique_ptr<RequestRunner> runner)
      : tool_(tool),
        options_(options),
        target_(options.target),
        objective_(objective),
        runner_(std::move(runner)) {}

  const LoadReport& run(double rate) {
    const Arrivals arrivals = options_.arrivals == "fixed" ? Arrivals::kFixed : Arrivals::kPoisson;
    return run(plan_load(parse_traffic(options_.traffic), rate, arrivals, options_.seed));
  }

  const LoadReport& run(const std::vector<LoadRequest>& plan) {
    ProgressBar bar(tool_, "requests");
    const auto on_end = [&](std::size_t ended) { bar.update(ended, plan.size()); };
    const auto go_on = [] { return stop_signal() == 0; };
    const auto outcomes = runner_ ? send_load(*runner_, target_.prompts, plan, on_end, go_on)
                                  : send_load(target_, plan, on_end, go_on);
    target_.prompts.before += plan.size();
    bar.finish();
    if (stop_signal() != 0) die_of_signal(stop_signal());
    return reports_.emplace_back(summarize_load(plan, outcomes, objective_));
  }

  // Doubles or halves until one rate keeps the objective and one does not, and halves what is
  // between them. Returns the highest that kept it, 0 for none.
  double find_rate(double begin) {
    double good = 0.0, bad = 0.0, rate = begin;
    while (good == 0.0 || bad == 0.0 || bad / good > kPrecision) {
      const bool holds = run(rate).holds(objective_);
      (holds ? good : bad) = rate;
      tool_.note(fmt::format("{:.3g} requests a second: {}", rate, holds ? "kept" : "not kept"));
      if (bad == 0.0) {
        rate = 2 * good;
      } else if (good == 0.0) {
        rate = bad / 2;
      } else {
        rate = std::sqrt(good * bad);
      }
      if (rate < begin / kReach || rate > begin * kReach) break;
    }
    if (good > 0.0 && bad > 0.0) {
      tool_.note(fmt::format("the objective is kept at {:.3g} requests a second, not at {:.3g}",
                             good, bad));
    }
    return good;
  }

  const std::vector<LoadReport>& reports() const noexcept { return reports_; }

 private:
  static constexpr double kPrecision = 1.05, kReach = 4096;

  const Tool& tool_;
  const Options& options_;
  LoadTarget target_;
  LoadObjective objective_;
  std::unique_ptr<RequestRunner> runner_;  // null: a server
  std::vector<LoadReport> reports_;
};

std::unique_ptr<RequestRunner> open_pool(const Tool& tool, const Options& options) {
  constexpr std::chrono::milliseconds kPatience{1};  // a request may be due
  const auto checkpoint = Checkpoint::open(tool.common().model);
  return open_workers(tool, options.workers,
                      worker_identity(*checkpoint, "", "f16", checkpoint->config().max_position),
                      kPatience);
}

std::unique_ptr<RequestRunner> open_engine(const Tool& tool) {
  const auto checkpoint = Checkpoint::open(tool.common().model);
  std::shared_ptr<const Tokenizer> tokenizer;
  if (const auto files = checkpoint->tokenizer_files()) tokenizer = Tokenizer::create(*files);
  EngineOptions how;
  how.threads = tool.common().threads_or_default();
  LoadOptions load;
  load.threads = how.threads;
  return Engine::create(Model::load(checkpoint, nullptr, load), std::move(tokenizer), how);
}

int run(const Tool& tool, Options& options) {
  check(tool, options);
  LoadObjective objective;
  if (!options.objective.empty()) {
    objective = parse_objective(options.objective);
    objective.share = options.share / 100;
  }
  Output output(tool.common().output, tool.common().force);
  std::optional<OutputFile> plot;
  if (!options.plot.empty()) plot.emplace(options.plot, tool.common().force);
  std::unique_ptr<RequestRunner> runner;
  if (options.workers.given()) {
    runner = open_pool(tool, options);
  } else if (!tool.common().model.empty()) {
    runner = open_engine(tool);
  } else {
    options.target.model = first_model(options.target);
  }
  stop_at_next_step();
  LoadTest test(tool, options, objective, std::move(runner));
  bool kept = true;
  if (!options.trace.empty()) {
    kept = test.run(read_load_trace(read_text(options.trace), options.trace)).holds(objective);
  } else if (options.find_rate) {
    kept = test.find_rate(options.rates.front()) > 0.0;
  } else {
    for (const double rate : options.rates) kept = test.run(rate).holds(objective) && kept;
  }
  const std::vector<LoadReport>& reports = test.reports();
  output.write(tool.common().json() ? load_json(reports, objective)
                                    : load_text(reports, objective, output.columns()));
  output.finish();
  if (plot) {
    plot->write(load_svg(reports, objective));
    plot->commit();
  }
  const auto wrong = std::find_if(reports.begin(), reports.end(), [](const LoadReport& report) {
    return !report.first_error.empty();
  });
  if (wrong != reports.end()) tool.warn("the first error: " + wrong->first_error);
  // A search goes to rates that are too high.
  const bool failed = !options.find_rate &&
                      std::any_of(reports.begin(), reports.end(), [&](const LoadReport& report) {
                        return report.failed > 0 || (!objective.any() && report.turned_away > 0);
                      });
  return (objective.any() && !kept) || failed ? 1 : 0;
}

}  // namespace

int run_bench_serve(int argc, char** argv) {
  Tool tool("bench serve", "measure a server under requests that come at a rate");
  Options options;
  tool.add_common(kModelOptional | kOutput | kThreads | kJson);
  add_options(tool, options);
  tool.synopsis("(--url URL | --workers FILE -m MODEL | -m MODEL) [--rate X] [OPTION]...");
  tool.example("bench serve --url http://127.0.0.1:8080/v1 --rate 4", "100 requests, 4 a second");
  tool.example("bench serve --url unix:lathe.sock --slo ttft=500ms,tpot=50ms --find-rate --rate 2",
               "The highest rate at which 99 % of the answers keep the objective");
  tool.example("bench serve --workers workers.txt -m model.lathe --rate 4",
               "The same of workers (serve --worker)");
  tool.example("bench serve -m model.lathe --rate 0.5,1,2,4 --plot latency.svg",
               "Of an engine of its own, and how latency grows with the rate");
  tool.see_also("bench(1), serve(1), lathe(7)");
  return tool.run(argc, argv, [&] { return run(tool, options); });
}

}  // namespace lathe::tool
