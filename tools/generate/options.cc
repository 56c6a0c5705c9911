#include "generate/options.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <utility>

#include "lathe/chat.h"

#include "common/context.h"
#include "common/given.h"
#include "common/kv_type.h"
#include "common/load_options.h"
#include "common/lookup.h"
#include "common/lora.h"
#include "common/page_cache.h"
#include "common/shard.h"
#include "generate/embed_command.h"

namespace lathe::tool {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 40;

void add_batch_options(Tool& tool, GenerateFlags& o) {
  constexpr const char* kBatch = "Many prompts";
  CLI::App& app = tool.app();
  app.add_flag("--jsonl", o.jsonl,
               "The input has a JSON object a line, with a prompt or messages; print an object a "
               "line")
      ->group(kBatch);
  app.add_flag("--lines", o.lines, "As --jsonl, but each line of the input is a prompt")
      ->group(kBatch);
  const auto batch_only = [&](CLI::Option* option) {
    o.batch_only.push_back(option->group(kBatch));
  };
  batch_only(app.add_flag("--unordered", o.unordered,
                          "Print records as they are ready, not in the input's order"));
  batch_only(app.add_flag("--resume", o.resume,
                          "Continue what an earlier run left of the output; -o names it"));
  batch_only(tool.number("--n-best", o.n_best,
                         "N answers to each prompt; number i is drawn with seed + i", 1, 1024));
  batch_only(
      tool.number("--max-batch", o.max_batch, "Answers that are generated at once", 1, 4096));
  batch_only(tool.number("--timeout-per-request", o.request_timeout,
                         "Give a prompt up X seconds after it was begun; 0 is never", 0, 1e9));
  batch_only(add_shard(tool, o.shard, "Answer only the"));
  batch_only(
      app.add_flag("--timings", o.timings,
                   "Add times and cached tokens to the records, which then differ each time"));
  batch_only(
      app.add_option("--summary", o.summary, "Write the summary of the run to FILE, as JSON, too")
          ->type_name("FILE"));
  add_workers(tool, o.workers, kBatch);
  batch_only(app.get_option("--workers"));
  batch_only(app.get_option("--worker-key"));
}

void add_memory_options(Tool& tool, GenerateFlags& o) {
  constexpr const char* kMemory = "Keys and values of earlier tokens";
  CLI::App& app = tool.app();
  add_kv_type(tool, "--kv-type", o.kv_type, "Type of their numbers")->group(kMemory);
  add_cache_dir(tool, o.cache_dir)->group(kMemory);
  o.engine_only.push_back(add_cache_size(tool, o.cache_size)->group(kMemory));
  o.batch_only.push_back(tool.size("--kv-memory", o.kv_memory,
                                   "With --jsonl: memory for all that run (default: half of what "
                                   "is free)",
                                   "")
                             ->group(kMemory));
  o.batch_only.push_back(
      app.add_option("--kv-spill", o.kv_spill, "With --jsonl: a file for those that have to wait")
          ->type_name("FILE")
          ->group(kMemory));
  o.engine_only.push_back(tool.number("--prefill-chunk", o.prefill_chunk,
                                      "Tokens of prompts to read in one step beside the answers "
                                      "that run; 0 is as many as keep their pace even",
                                      0, 1 << 20)
                              ->group(kMemory));
}

void add_embed_options(Tool& tool, GenerateFlags& o) {
  constexpr const char* kVectors = "Vectors";
  tool.app()
      .add_flag("--embed", o.embed,
                "Print a text's vector in place of an answer to it; with --jsonl or --lines, each "
                "row's")
      ->group(kVectors);
  o.embed_only.push_back(
      tool.choice("--pooling", o.pooling,
                  "With --embed: which tokens' states it is made of, all, the last or the first "
                  "(default: as the model's files say, or else mean)",
                  {"mean", "last", "cls"})
          ->group(kVectors));
  o.embed_only.push_back(tool.number("--dimensions", o.dimensions,
                                     "With --embed: its first N numbers, scaled anew; 0 is all", 0,
                                     1 << 20)
                             ->group(kVectors));
}

void add_lookup_options(Tool& tool, GenerateFlags& o) {
  constexpr const char* kDrafts = "Several tokens at once";
  add_lookup(tool, o.lookup)->group(kDrafts);
  o.corpus_option = tool.app()
                        .add_option("--lookup-corpus", o.lookup_corpus,
                                    "A text to copy from too, such as earlier answers")
                        ->type_name("FILE")
                        ->group(kDrafts);
  tool.app()
      .add_option("--draft", o.draft,
                  "A smaller model with the same tokens, which writes ahead where that pays: the "
                  "answer stays the same")
      ->type_name("MODEL")
      ->group(kDrafts);
}

void add_conversation_options(Tool& tool, GenerateFlags& o) {
  constexpr const char* kChat = "Conversation";
  CLI::App& app = tool.app();
  app.add_flag("--chat", o.chat,
               "The prompt is a message; print the answer to it. At a terminal, without -p: talk")
      ->group(kChat);
  o.system_option = app.add_option("--system", o.system, "With --chat: the system message")
                        ->type_name("TEXT")
                        ->group(kChat);
  app.add_option("--messages", o.messages,
                 "With --chat: the conversation so far, as JSON; -p adds a message")
      ->type_name("FILE")
      ->group(kChat);
  app.add_option("--history", o.history,
                 "With --chat: the same, and the message and its answer are added to FILE")
      ->type_name("FILE")
      ->group(kChat);
  add_chat_options(tool, o.form, "With --chat: ", kChat);
  o.reasoning_option =
      tool.choice("--reasoning", o.reasoning,
                  "With --chat: what a model thinks before it answers stays in the text, is left "
                  "out, or stands apart (in JSON as \"reasoning\", else on standard error), as it "
                  "does unasked where a text would not show the marks around it",
                  {"keep", "drop", "separate"})
          ->group(kChat);
}

}  // namespace

GenerateOptions GenerateFlags::generate_options() const {
  GenerateOptions how;
  how.sampling = sampling;
  how.max_tokens = tokens;
  how.stop = stop;
  how.ignore_eos = ignore_eos;
  how.logprobs = static_cast<int>(logprobs);
  how.constraint = answer_constraint;
  how.check = check;
  if (chat || given(loop_option)) how.loop_tokens = loop_stop;
  return how;
}

void add_generate_options(Tool& tool, GenerateFlags& o) {
  CLI::App& app = tool.app();
  o.prompt_option =
      app.add_option("-p,--prompt", o.prompt,
                     "The prompt; without -p it is read from -i, less the last line's newline. "
                     "\"\" begins a new text")
          ->type_name("TEXT");
  o.tokens_option =
      tool.number("-n,--tokens", o.tokens,
                  "Stop after N tokens; -1 is when the model ends the text or the context is "
                  "full (the default with --chat)",
                  -1, kMany);
  add_context(tool, "--ctx", o.context, "Positions for prompt and answer; 0 is all the model has",
              0, kMany);
  app.add_flag("--context-shift", o.context_shift,
               "Where the context is full, leave out what is oldest and go on");
  o.keep_option = tool.number(
      "--keep", o.keep, "With --context-shift, without --chat: the first N tokens stay", 0, kMany);
  tool.repeatable("--stop", o.stop, "End before TEXT; may be repeated");
  app.add_flag("--ignore-eos", o.ignore_eos, "Go on when the model ends the text");
  app.add_flag("--echo", o.echo, "Print the prompt before the answer");
  app.add_option("--tokenizer", o.tokenizer,
                 "A tokenizer to use instead of the model's own, or for want of one")
      ->type_name("FILE");
  add_load_options(tool, o.load);
  add_lora(tool, o.lora);
  app.add_flag("--special", o.special, "Control tokens spelled in the prompt count as such");
  tool.number("--logprobs", o.logprobs,
              "With --json or --jsonl: log-probabilities, with the N best tokens", 0, 1000);

  add_conversation_options(tool, o);
  add_constraint_options(tool, o.constraint);
  add_check_options(tool, o.judge);

  constexpr const char* kSampling = "Sampling, in this order";
  SamplingOptions& s = o.sampling;
  o.repeat_penalty_option =
      tool.number("--repeat-penalty", s.repeat_penalty,
                  "Divide the logits of recent tokens by X; 1 is off", 1e-6, 1e6)
          ->group(kSampling);
  o.repeat_last_option = tool.number("--repeat-last", s.repeat_last,
                                     "How many tokens are recent; -1 is all", -1, kMany)
                             ->group(kSampling);
  o.temperature_option =
      tool.number("--temp", s.temperature, "Temperature; 0 takes the most probable token each time",
                  0, 1e6)
          ->group(kSampling);
  o.top_k_option =
      tool.number("--top-k", s.top_k, "Keep the N most probable tokens; 0 is off", 0, kMany)
          ->group(kSampling);
  o.top_p_option =
      tool.number("--top-p", s.top_p,
                  "Keep the most probable tokens that reach X together; 1 is off", 0, 1)
          ->group(kSampling);
  o.min_p_option =
      tool.number("--min-p", s.min_p,
                  "Keep tokens at least X times as probable as the best; 0 is off", 0, 1)
          ->group(kSampling);
  tool.number("--seed", s.seed, "The same seed draws the same text")->group(kSampling);
  o.loop_option =
      tool.number("--loop-stop", o.loop_stop,
                  "At temperature 0: end an answer whose last N tokens are one run, of at most a "
                  "third of them, again and again; 0 is never. Only on request without --chat",
                  0, kMany)
          ->group(kSampling);

  add_lookup_options(tool, o);
  add_batch_options(tool, o);
  add_memory_options(tool, o);
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    const auto known = {
        "--help",    "--version", "--prompt",    "--ctx",     "--tokenizer",
        "--no-mmap", "--lock",    "--lora",      "--special", "--jsonl",
        "--lines",   "--resume",  "--unordered", "--timings", "--timeout-per-request",
        "--summary", "--shard",   "--kv-type"};
    if (std::find(known.begin(), known.end(), name) == known.end())
      o.answers_only.push_back(option);
  }
  add_embed_options(tool, o);
  for (const char* name :
       {"--max-batch", "--kv-memory", "--kv-spill", "--cache-dir", "--cache-size",
        "--prefill-chunk", "--lookup", "--lookup-corpus", "--draft", "--no-mmap", "--lock"}) {
    o.computing.push_back(app.get_option(name));
  }
}

namespace {

void check_conversation_options(const GenerateFlags& o) {
  const bool files = !o.messages.empty() || !o.history.empty();
  const bool chat = o.chat || o.jsonl;
  if (!chat && (given(o.system_option) || !o.form.chat_template.empty())) {
    fail_usage("--system and --chat-template are for a conversation: add --chat");
  }
  if (const CLI::Option* option = o.form.given(); option != nullptr && !chat) {
    fail_usage("{} is for a conversation: add --chat", option->get_name());
  }
  if (!chat && o.reasoning != "keep") {
    fail_usage("--reasoning is for a conversation: add --chat");
  }
  if (!files) return;
  if (!o.chat) fail_usage("--messages and --history are for a conversation: add --chat");
  if (o.batch()) fail_usage("--messages and --history are one conversation: leave --jsonl out");
  if (o.history == "-") fail_usage("--history names a file, which is read and written");
  if (!o.messages.empty() && !o.history.empty()) {
    fail_usage("--messages and --history exclude each other: both are the conversation so far");
  }
}

void check_shift_options(const GenerateFlags& o) {
  if (given(o.keep_option) && (!o.context_shift || o.chat)) {
    fail_usage("--keep is for a plain text with --context-shift{}",
               o.chat ? ": a conversation keeps its system message" : "");
  }
  if (!o.context_shift) return;
  if (o.batch() || o.uses_engine()) {
    fail_usage("--context-shift goes on with one text: leave {} out",
               o.batch() ? "--jsonl and --lines" : "--cache-dir");
  }
  if (!o.judge.command.empty()) {
    fail_usage("--context-shift and --check-cmd exclude each other: a judge sees whole answers");
  }
}

}  // namespace

void check_generate_options(const Tool& tool, GenerateFlags& o) {
  const bool prompt = given(o.prompt_option);
  if (prompt && given(o.input_option)) {
    fail_usage("-p and -i exclude each other: a prompt has one source");
  }
  if (o.jsonl && o.lines) fail_usage("--jsonl and --lines exclude each other");
  if (o.batch()) {
    if (prompt) fail_usage("-p is one prompt; --jsonl and --lines read theirs from -i");
    if (tool.common().json()) fail_usage("--json is for one prompt; --jsonl prints JSON anyway");
    if (o.summary == "-") fail_usage("--summary names a file: standard output has the records");
    if (o.resume && tool.common().output == "-") {
      fail_usage("--resume continues a file: name it with -o");
    }
  } else {
    if (const CLI::Option* option = first_given(o.batch_only); option != nullptr) {
      fail_usage("{} is for many prompts: add --jsonl or --lines", option->get_name());
    }
    const CLI::Option* option = first_given(o.engine_only);
    if (option != nullptr && !o.uses_engine()) {
      fail_usage("{} needs --cache-dir, --jsonl or --lines", option->get_name());
    }
    if (o.logprobs > 0 && !tool.common().json()) {
      fail_usage("--logprobs has no place in plain text: add --json");
    }
  }
  check_workers(o.workers, o.computing);
  if (o.workers.given() && !o.judge.command.empty()) {
    fail_usage("--check-cmd judges answers while they are written, and workers send whole ones");
  }
  check_conversation_options(o);
  check_shift_options(o);
  o.grammar = read_grammar(o.constraint);
  o.check = read_check(o.judge);
  check_embed_options(o);
  if (o.constraint.finish && o.grammar == nullptr && !o.jsonl) {
    fail_usage("--finish completes what --grammar, --json-schema and their kin ask for");
  }
  if (given(o.corpus_option) && o.lookup == "off") {
    fail_usage("--lookup-corpus is what --lookup copies from, and --lookup off copies nothing");
  }
  if (o.chat && o.special) {
    fail_usage("--special and --chat exclude each other: a message is plain text");
  }
  for (const std::string& stop : o.stop) {
    if (stop.empty()) fail_usage("--stop: an empty text would stop before the first token");
  }
  const SamplingOptions& sampling = o.sampling;
  if (sampling.temperature == 0 && !o.jsonl &&
      (sampling.top_k > 0 || sampling.top_p < 1 || sampling.min_p > 0)) {
    tool.warn("--top-k, --top-p and --min-p choose nothing at temperature 0: give --temp");
  }
  if (sampling.temperature == 0 && o.lines && o.n_best > 1) {
    tool.warn("--n-best: at temperature 0 all answers to a prompt are the same: give --temp");
  }
}

}  // namespace lathe::tool
