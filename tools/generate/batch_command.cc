#include "generate/batch_command.h"

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "lathe/batch.h"
#include "lathe/host/json_text.h"
#include "lathe/host/output_file.h"
#include "lathe/host/records.h"

#include "common/context.h"
#include "common/given.h"
#include "common/left_out.h"
#include "common/output.h"
#include "common/process.h"
#include "common/progress_bar.h"
#include "common/text.h"
#include "generate/chat_form.h"
#include "generate/drafts.h"
#include "generate/embed_command.h"
#include "generate/model_sampling.h"
#include "generate/open_model.h"

namespace lathe::tool {
namespace {

using Json = nlohmann::ordered_json;

// Rows that workers have at once, together.
constexpr std::int64_t kForWorkers = 2048;
// Texts that an embedder has, of which each step reads as many as fit into it.
constexpr std::int64_t kTexts = 512;

BatchOptions batch_options(const Tool& tool, const GenerateFlags& flags,
                           const OpenedModel& opened) {
  BatchOptions out;
  out.lines = flags.lines;
  out.timings = flags.timings;
  out.model = tool.common().model;
  // Whoever leaves finds a successor that is ready.
  out.submitted = flags.workers.given() ? kForWorkers : flags.embed ? kTexts : 2 * flags.max_batch;
  RowDefaults& defaults = out.defaults;
  defaults.options = flags.generate_options();
  // As with --chat for one prompt: until the model ends its turn.
  defaults.chat_tokens = given(flags.tokens_option) ? flags.tokens : -1;
  defaults.samples = static_cast<int>(flags.n_best);
  defaults.timeout = flags.request_timeout;
  defaults.chat = flags.chat;
  if (given(flags.system_option)) defaults.system = flags.system;
  defaults.chat_template = flags.form.chat_template;
  ChatRequest said;
  add_to_request(flags.form, said);
  defaults.tools = said.tools;
  defaults.template_args = said.template_args;
  defaults.reasoning_apart = flags.reasoning == "separate";
  defaults.finish = flags.constraint.finish;
  defaults.reasoning_dropped = flags.reasoning == "drop";
  defaults.special = flags.special;
  defaults.echo = flags.echo;
  out.vectors = flags.embed;
  const std::uint64_t hashes[] = {content_hash(*opened.checkpoint), options_hash(out)};
  out.run = hash_parts({{reinterpret_cast<const char*>(hashes), sizeof hashes},
                        flags.kv_type,
                        fmt::format("{}", flags.context)});
  if (std::error_code ignored; std::filesystem::exists(flags.form.chat_template, ignored)) {
    out.run = hash_parts({fmt::format("{}", out.run), read_text(flags.form.chat_template)});
  }
  if (flags.embed) {
    const EmbeddingRules rules = embedding_rules_for(flags, *opened.checkpoint);
    out.run = hash_parts({fmt::format("{} {} {} {}", out.run, to_string(rules.pooling),
                                      rules.normalized, flags.dimensions)});
  }
  if (!opened.adapter.empty()) {
    out.run = hash_parts({fmt::format("{}", out.run), opened.adapter});
  }
  return out;
}

std::string share(std::int64_t part, std::int64_t whole) {
  return fmt::format(
      "{:.1f} %", whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0);
}

std::string spread(const Percentiles& p) {
  return fmt::format("p50 {:.3g}, p90 {:.3g}, p99 {:.3g}", p.p50, p.p90, p.p99);
}

void print_engine(const Tool& tool, const EngineStats& s) {
  const auto rows =
      static_cast<double>(s.prefilled_tokens + s.recomputed_tokens + s.generated_tokens);
  tool.note(fmt::format(
      "{} steps of {:.1f} tokens; {:.1f} % of the time in the model; {} put back ({} to the spill "
      "file), {} tokens computed again; keys and values: {:.0f} MB of {:.0f} MB used",
      s.steps, s.steps > 0 ? rows / static_cast<double>(s.steps) : 0.0,
      s.step_seconds > 0 ? 100 * s.forward_seconds / s.step_seconds : 0.0, s.preemptions, s.spilled,
      s.recomputed_tokens, static_cast<double>(s.kv_bytes_used) / 1e6,
      static_cast<double>(s.kv_bytes) / 1e6));
}

void print_summary(const Tool& tool, const BatchSummary& s) {
  tool.note(fmt::format(
      "{} in = {} ok + {} failed{}", s.records, s.ok, s.failed,
      s.resumed > 0 ? fmt::format("; {} of them from an earlier run", s.resumed) : std::string()));
  if (s.checks + static_cast<std::int64_t>(s.check_failed) > 0) {
    tool.note(fmt::format(
        "{} of {} checks said no; {} tokens were taken back; {} answers were not accepted",
        s.checks_rejected, s.checks, s.dropped_tokens, s.check_failed));
  }
  if (s.prompt_tokens == 0) return;
  tool.note(fmt::format(
      "{:.3g} s, {} tokens in ({} cached), {} out; {:.0f} tokens/s, {:.3g} ms per "
      "output token",
      s.seconds, s.prompt_tokens, share(s.cached_tokens, s.prompt_tokens), s.generated_tokens,
      s.tokens_per_second(),
      s.generated_tokens > 0 ? 1000 * s.seconds / static_cast<double>(s.generated_tokens) : 0.0));
  tool.note(fmt::format("seconds to the first token: {}; for each further one: {}",
                        spread(s.first_token), spread(s.per_token)));
}

Json json_of(const Percentiles& p) {
  return {{"mean", p.mean}, {"p50", p.p50}, {"p90", p.p90}, {"p99", p.p99}, {"max", p.max}};
}

std::string summary_json(const std::string& model, const BatchSummary& s,
                         const Speculator* speculator, bool judged) {
  const auto generated = static_cast<double>(s.generated_tokens);
  Json out = {
      {"schema", "lathe.batch/1"},
      {"model", model},
      {"records", s.records},
      {"ok", s.ok},
      {"failed", s.failed},
      {"resumed", s.resumed},
      {"seconds", s.seconds},
      {"prompt_tokens", s.prompt_tokens},
      {"cached_tokens", s.cached_tokens},
      {"tokens", s.generated_tokens},
      {"throughput", s.tokens_per_second()},
      {"latency", generated > 0 ? Json(s.seconds / generated) : Json()},
      {"ttft", json_of(s.first_token)},
      {"tpot", json_of(s.per_token)},
      {"total", json_of(s.total)},
  };
  if (judged) {
    out["check"] = {{"judged", s.checks},
                    {"rejected", s.checks_rejected},
                    {"dropped_tokens", s.dropped_tokens},
                    {"failed", s.check_failed}};
  }
  if (speculator != nullptr) out["drafts"] = drafts_json(speculator->stats());
  return json_text(out) + "\n";
}

void show_progress(ProgressBar& bar, const BatchProgress& progress) {
  const double seconds = progress.seconds > 0 ? progress.seconds : 1;
  bar.update(progress.done, progress.total,
             fmt::format("{:.0f} in, {:.0f} out tok/s",
                         static_cast<double>(progress.prompt_tokens) / seconds,
                         static_cast<double>(progress.generated_tokens) / seconds),
             progress.seconds_left);
}

struct Destination {
  std::unique_ptr<Output> stdout_output;
  std::unique_ptr<RecordLog> log;
  std::uint64_t earlier_failed = 0, earlier_check_failed = 0;
};

Destination open_destination(const CommonValues& common, const GenerateFlags& flags) {
  Destination out;
  const Shard shard = flags.shard.empty() ? Shard() : parse_shard(flags.shard);
  if (common.output == "-") {
    out.stdout_output = std::make_unique<Output>("-", false);
    Output& output = *out.stdout_output;
    out.log = std::make_unique<RecordLog>(
        [&output](std::string_view line) {
          output.write(line);
          output.flush();
        },
        !flags.unordered, shard);
    return out;
  }
  const bool judged = flags.check != nullptr;
  RecordLogOptions options;
  options.overwrite = common.force;
  options.resume = flags.resume;
  options.ordered = !flags.unordered;
  options.shard = shard;
  out.log = std::make_unique<RecordLog>(common.output, options,
                                        [&out, judged](std::uint64_t, std::string_view record) {
                                          if (is_error_record(record)) ++out.earlier_failed;
                                          if (judged && is_check_failed_record(record)) {
                                            ++out.earlier_check_failed;
                                          }
                                        });
  return out;
}

std::string stop_message(const RecordLog& log) {
  if (log.written() == 0) return "stopped before the first record";
  const std::string file = log.unfinished_file();
  if (file.empty()) return fmt::format("stopped after {} records", log.written());
  return fmt::format("stopped; {} records are in {}; --resume continues", log.written(),
                     lathe::quoted(file));
}

// Says when conversations name today, so that rows that are resumed tomorrow differ.
void note_dates(const Tool& tool, const GenerateFlags& flags, const Tokenizer& tokenizer) {
  if (!flags.chat && !flags.jsonl) return;
  try {
    note_date(tool,
              find_chat_template(flags.form, tokenizer).render(tokenizer, {{{"user", "Hi"}}}));
  } catch (const Error&) {
    // The rows that need the template say what is wrong with it.
  }
}

// Who answers: an engine here, or workers.
struct Answerer {
  std::shared_ptr<Speculator> speculator;
  std::unique_ptr<RequestRunner> runner;
};

Answerer open_answerer(const Tool& tool, const GenerateFlags& flags, const OpenedModel& opened) {
  Answerer out;
  if (flags.workers.given()) {
    const std::int64_t context =
        context_of(tool.common().model, opened.checkpoint->config(), flags.context);
    out.runner =
        open_workers(tool, flags.workers,
                     worker_identity(*opened.checkpoint, opened.adapter, flags.kv_type, context));
    return out;
  }
  if (flags.embed) {
    out.runner = open_embedder(tool, flags, opened);
    return out;
  }
  EngineOptions how = engine_options(tool, *opened.model, flags);
  how.speculator = out.speculator = make_speculator(tool, flags, opened);
  out.runner = Engine::create(opened.model, opened.tokenizer, how);
  return out;
}

}  // namespace

int run_batch_command(const Tool& tool, GenerateFlags& flags) {
  const CommonValues& common = tool.common();
  std::unique_ptr<OutputFile> summary_file;
  if (!flags.summary.empty()) {
    summary_file = std::make_unique<OutputFile>(flags.summary, common.force || flags.resume);
  }
  // Before the model is read: what cannot be written should be known at once.
  Destination to = open_destination(common, flags);
  const OpenedModel opened = flags.workers.given() ? open_generate_tokenizer(tool, flags)
                                                   : open_generate_model(tool, flags);
  note_left_out(tool, *opened.checkpoint);
  warn_of(tool, *opened.tokenizer);
  take_model_sampling(tool, *opened.checkpoint, flags);
  take_model_reasoning(*opened.tokenizer, flags);
  note_dates(tool, flags, *opened.tokenizer);
  flags.answer_constraint =
      answer_constraint(flags.grammar, *opened.tokenizer, flags.constraint.finish);
  BatchOptions options = batch_options(tool, flags, opened);
  const Answerer answerer = open_answerer(tool, flags, opened);

  ProgressBar bar(tool, "rows");
  bar.begin_at(to.log->earlier());
  options.on_progress = [&bar](const BatchProgress& progress) { show_progress(bar, progress); };
  options.stop = [] { return stop_signal() != 0; };
  stop_at_next_step();
  BatchSummary summary = run_batch(*answerer.runner, opened.tokenizer, common.input, *to.log,
                                   options, to.earlier_failed);
  summary.check_failed += to.earlier_check_failed;
  bar.finish();
  if (to.stdout_output) to.stdout_output->finish();
  if (summary.stopped) {
    tool.note(stop_message(*to.log));
    die_of_signal(stop_signal());
  }
  if (summary_file) {
    summary_file->write(
        summary_json(common.model, summary, answerer.speculator.get(), flags.check != nullptr));
    summary_file->commit();
  }
  print_summary(tool, summary);
  if (common.verbose > 0) print_engine(tool, answerer.runner->stats());
  tell_of_drafts(tool, answerer.speculator.get());
  return summary.failed + summary.check_failed > 0 ? 1 : 0;
}

}  // namespace lathe::tool
