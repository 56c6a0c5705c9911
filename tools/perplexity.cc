// perplexity: how well a model predicts a text, and how far it strays from another model.
#include "lathe/perplexity.h"

#include <cmath>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "lathe/host/escape.h"
#include "lathe/host/json_text.h"
#include "lathe/lathe.h"

#include "common/gates.h"
#include "common/kv_type.h"
#include "common/left_out.h"
#include "common/load_options.h"
#include "common/lora.h"
#include "common/output.h"
#include "common/progress_bar.h"
#include "common/text.h"
#include "common/tool.h"

namespace {

using namespace lathe;
using namespace lathe::tool;
using Json = nlohmann::ordered_json;

struct Options {
  std::string base;
  std::int64_t context = 512;
  std::int64_t chunks = 0;  // 0: all
  std::string kv_type = "f16";
  std::string base_kv_type;     // empty: as kv_type
  std::uint64_t kv_memory = 0;  // 0: what the chunks at work need
  bool per_token = false;
  std::vector<std::string> gates;
  std::vector<std::string> lora;
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

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json json_of(const PerplexityFigures& f) {
  return {{"perplexity", f.perplexity}, {"error", or_null(f.error)}, {"mean_nll", f.mean_nll}};
}

Json json_of(const PerplexityReport& r, const Options& options, const std::string& model) {
  Json out = {{"schema", "lathe.perplexity/1"},
              {"model", model},
              {"context", options.context},
              {"tokens", r.tokens},
              {"chunks", r.chunks},
              {"scored", r.scored},
              {"perplexity", r.model.perplexity},
              {"error", or_null(r.model.error)},
              {"mean_nll", r.model.mean_nll},
              {"seconds", r.seconds}};
  if (!r.divergence) return out;
  const DivergenceFigures& d = *r.divergence;
  out["base"] = json_of(d.base);
  out["base"]["model"] = options.base;
  out["ln_ratio"] = {{"mean", d.ln_ratio}, {"error", or_null(d.ln_ratio_error)}};
  out["kl"] = {{"mean", d.kl_mean}, {"error", or_null(d.kl_error)},
               {"min", d.kl_min},   {"median", d.kl_median},
               {"p90", d.kl_p90},   {"p95", d.kl_p95},
               {"p99", d.kl_p99},   {"p99.9", d.kl_p999},
               {"max", d.kl_max}};
  out["same_top"] = {{"share", d.same_top}, {"error", or_null(d.same_top_error)}};
  out["delta_p"] = {{"rms", d.rms_delta_p}, {"mean", d.mean_delta_p}};
  return out;
}

std::string text_of(const PerplexityReport& r) {
  const auto line = [](const char* name, const std::string& value) {
    return fmt::format("{:<18}{}\n", name, value);
  };
  // One token alone has no standard error.
  const auto with_error = [](double value, const std::optional<double>& error, int digits,
                             double scale = 1.0) {
    const std::string text = fmt::format("{:.{}f}", scale * value, digits);
    return error ? fmt::format("{} ± {:.{}f}", text, scale * *error, digits) : text;
  };
  std::string out = line("perplexity", with_error(r.model.perplexity, r.model.error, 4));
  if (r.divergence) {
    const DivergenceFigures& d = *r.divergence;
    out += line("base perplexity", with_error(d.base.perplexity, d.base.error, 4));
    const double ratio = std::exp(d.ln_ratio);
    out += line("ppl/base", with_error(1.0, d.ln_ratio_error, 6, ratio));
    out += line("ln(ppl/base)", with_error(d.ln_ratio, d.ln_ratio_error, 6));
    out += line("KL mean", with_error(d.kl_mean, d.kl_error, 6));
    out += line("KL median", fmt::format("{:.6f}", d.kl_median));
    out += line("KL 90 %", fmt::format("{:.6f}", d.kl_p90));
    out += line("KL 95 %", fmt::format("{:.6f}", d.kl_p95));
    out += line("KL 99 %", fmt::format("{:.6f}", d.kl_p99));
    out += line("KL 99.9 %", fmt::format("{:.6f}", d.kl_p999));
    out += line("KL max", fmt::format("{:.6f}", d.kl_max));
    out += line("RMS delta p", fmt::format("{:.3f} %", 100.0 * d.rms_delta_p));
    out += line("same top token", with_error(d.same_top, d.same_top_error, 3, 100.0) + " %");
  }
  return out;
}

std::string json_line(const TokenScore& score, const Tokenizer& tokenizer, bool with_base) {
  Json out = {{"chunk", score.chunk},
              {"position", score.position},
              {"id", score.token},
              {"piece", tokenizer.piece(score.token)},
              {"logprob", score.logprob}};
  if (with_base) {
    out["base_logprob"] = score.base_logprob;
    out["kl"] = score.kl;
    out["same_top"] = score.same_top;
  }
  return json_text(out) + "\n";
}

// What the gates look at, as bench does: a ratio with a 95 % interval, below 1 when something is
// lost. `perplexity` is the baseline's divided by ours.
std::vector<BenchComparison> losses_of(const PerplexityReport& report) {
  constexpr double kSigmas = 1.959964;
  const DivergenceFigures& d = *report.divergence;
  const std::optional<double> ratio_error = d.ln_ratio_error;
  const std::optional<double> top_error = d.same_top_error;
  const double ratio_spread = kSigmas * ratio_error.value_or(HUGE_VAL);
  const double top_spread = kSigmas * top_error.value_or(HUGE_VAL);
  return {{"perplexity",
           report.model.perplexity,
           d.base.perplexity,
           {std::exp(-d.ln_ratio), std::exp(-d.ln_ratio - ratio_spread),
            std::exp(-d.ln_ratio + ratio_spread)}},
          {"same-top",
           d.same_top,
           1.0,
           {d.same_top, d.same_top - top_spread, d.same_top + top_spread}}};
}

bool gates_hold(const BenchGates& gates, const Options& options, const PerplexityReport& report) {
  bool hold = true;
  if (!report.divergence) return hold;
  for (const BenchComparison& loss : losses_of(report)) {
    hold = gates.hold(loss, options.base) && hold;
  }
  return hold;
}

int measure(const Tool& tool, const Options& options) {
  const BenchGates gates(tool, options.gates, GateOf::kCount);
  if (!options.gates.empty() && options.base.empty()) fail_usage("--fail-if needs --baseline");
  const std::string gated[] = {"perplexity", "same-top"};
  gates.check_concern(gated);
  const CommonValues& common = tool.common();
  const auto checkpoint = Checkpoint::open(common.model);
  note_left_out(tool, *checkpoint);
  if (!checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer; convert it with --tokenizer FILE",
         quoted(common.model));
  }
  const auto tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
  warn_of(tool, *tokenizer);
  PerplexityOptions how;
  how.context = options.context;
  how.max_chunks = options.chunks > 0 ? options.chunks : -1;

  const int threads = common.threads_or_default();
  if (!options.base_kv_type.empty() && options.base.empty()) {
    fail(ErrorCode::kUsage, "--baseline-kv-type needs --baseline");
  }
  const auto engine = open_engine(checkpoint, open_lora(tool, options.lora, *checkpoint),
                                  options.kv_type, how, options.load, options.kv_memory, threads);
  std::unique_ptr<Engine> base;
  if (!options.base.empty()) {
    const std::string& type = options.base_kv_type.empty() ? options.kv_type : options.base_kv_type;
    base = open_engine(Checkpoint::open(options.base), nullptr, type, how, options.load,
                       options.kv_memory, threads);
  }
  // With the token that begins a text, as llama-perplexity has it: the chunks begin there.
  const std::vector<TokenId> tokens = tokenizer->encode(read_text(common.input));
  const std::optional<TokenId> bos = tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt;

  Output output(common.output, common.force);
  ProgressBar bar(tool, "perplexity");
  std::function<void(const TokenScore&)> on_score;
  if (options.per_token) {
    on_score = [&](const TokenScore& score) {
      output.write(json_line(score, *tokenizer, base != nullptr));
    };
  }
  const PerplexityReport report =
      measure_perplexity(*engine, base.get(), tokens, bos, how, bar.callback(), on_score);
  bar.finish();
  tool.note(fmt::format("{} chunks of {} tokens, {} of {} tokens scored, {:.1f} s", report.chunks,
                        options.context, report.scored, report.tokens, report.seconds));
  if (options.per_token) {
    // The records are the data; the summary is for the person who waits.
    std::istringstream lines(text_of(report));
    for (std::string line; std::getline(lines, line);) tool.note(line);
  } else if (common.json()) {
    output.write(json_text(json_of(report, options, common.model), 2) + "\n");
  } else {
    output.write(text_of(report));
  }
  output.finish();
  return gates_hold(gates, options, report) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool("perplexity", "measure how well a model predicts a text");
  Options options;
  tool.add_common(kModel | kInput | kOutput | kThreads | kJson);
  tool.number("-c,--ctx", options.context, "Tokens per chunk; the second half is scored", 4,
              1 << 24);
  tool.number("--chunks", options.chunks, "Score the first N chunks only; 0 is all", 0, 1 << 30);
  tool.app()
      .add_option("-b,--baseline", options.base,
                  "A second model to compare with, run in step with the first: KL divergence")
      ->type_name("MODEL");
  tool.app().add_option("--base", options.base)->group("");  // as it was called
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
  tool.see_also("bench(1), quantize(1), lathe(7)");
  return tool.run(argc, argv, [&] { return measure(tool, options); });
}
