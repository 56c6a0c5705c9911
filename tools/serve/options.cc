#include "serve/options.h"

#include <CLI/App.hpp>

#include "common/context.h"
#include "common/given.h"
#include "common/kv_type.h"
#include "common/load_options.h"
#include "common/lookup.h"
#include "common/lora.h"
#include "common/page_cache.h"
#include "serve/api_keys.h"

namespace lathe::tool {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 40;

void add_access_options(Tool& tool, ServeFlags& o) {
  constexpr const char* kAccess = "Who may ask, and how much";
  CLI::App& app = tool.app();
  app.add_option("--api-key-file", o.api_key_file,
                 "Answer only requests with a key of FILE, which has one a line")
      ->type_name("FILE")
      ->group(kAccess);
  tool.number("--max-connections", o.max_connections, "Callers that may be connected at once", 1,
              16384)
      ->group(kAccess);
  tool.number("--max-waiting", o.max_waiting,
              "Requests that may wait beyond those that run; further ones are told to come back", 0,
              1 << 20)
      ->group(kAccess);
  tool.size("--max-body", o.max_body, "Bytes that a request may have", "16M")->group(kAccess);
  tool.number("--timeout-per-request", o.request_timeout,
              "Give a request up X seconds after it was begun; 0 is never", 0, 1e9)
      ->group(kAccess);
  tool.number("--drain", o.drain_timeout,
              "When asked to end: seconds that what runs may still take", 0, 1e6)
      ->group(kAccess);
}

void add_answer_options(Tool& tool, ServeFlags& o) {
  constexpr const char* kAnswers = "Answers, where a request says nothing else";
  CLI::App& app = tool.app();
  o.tokens_option = tool.number("-n,--tokens", o.tokens,
                                "Stop after N tokens; -1 is when the model ends the text or the "
                                "context is full (the default of conversations)",
                                -1, kMany);
  o.tokens_option->group(kAnswers);
  add_chat_options(tool, o.form, "Of conversations: ", kAnswers);
  o.reasoning_option =
      tool.choice("--reasoning", o.reasoning,
                  "What a model thinks before it answers stays in the text, is left out, or stands "
                  "apart as \"reasoning_content\", as it does unasked where a text would not show "
                  "the marks around it",
                  {"keep", "drop", "separate"})
          ->group(kAnswers);
  tool.number("--loop-stop", o.loop_stop,
              "At temperature 0: end an answer whose last N tokens are one run, of at most a third "
              "of them, again and again; 0 is never",
              0, kMany)
      ->group(kAnswers);
  add_lookup(tool, o.lookup)->group(kAnswers);
  app.add_option("--alias", o.alias, "The model's name in answers (default: its file's)")
      ->type_name("NAME")
      ->group(kAnswers);
}

void add_memory_options(Tool& tool, ServeFlags& o) {
  constexpr const char* kMemory = "Keys and values of earlier tokens";
  tool.number("--max-batch", o.max_batch, "Answers that are generated at once", 1, 4096)
      ->group(kMemory);
  tool.number(
          "--prompt-step", o.prompt_step,
          "Milliseconds that a step may take for the sake of prompts while answers are written, "
          "or twice as long as without, where that is longer",
          0, 10000)
      ->group(kMemory);
  add_kv_type(tool, "--kv-type", o.kv_type, "Type of their numbers")->group(kMemory);
  tool.size("--kv-memory", o.kv_memory, "Memory for all that run (default: half of what is free)",
            "")
      ->group(kMemory);
  add_cache_dir(tool, o.cache_dir)->group(kMemory);
  o.cache_size_option = add_cache_size(tool, o.cache_size)->group(kMemory);
}

}  // namespace

void add_serve_options(Tool& tool, ServeFlags& o) {
  CLI::App& app = tool.app();
  app.add_option(
         "--models", o.models,
         "In place of a model: those of a folder, each opened when a request first names it")
      ->type_name("DIR");
  o.models_memory_option =
      tool.size("--models-memory", o.models_memory,
                "With --models: memory for all that are open, their keys and values too; who was "
                "asked for the longest ago makes room (default: half of what is free)",
                "");
  o.listen_option =
      app.add_option(
             "--listen", o.listen,
             "Where: HOST:PORT (port 0 is any that is free), or unix:PATH for a socket file")
          ->type_name("ADDRESS")
          ->capture_default_str();
  app.add_option("--worker", o.worker,
                 "Be a worker of programs that have --workers: at ipc://PATH, a socket file, or "
                 "tcp://HOST:PORT. Over HTTP, too, only where --listen is given")
      ->type_name("ADDRESS");
  app.add_option(
         "--workers", o.workers.file,
         "Have requests answered by the workers of FILE, which has an address a line; -m is "
         "the model that they have")
      ->type_name("FILE");
  app.add_option("--worker-key", o.worker_key_file,
                 "With --worker and --workers: the key that both sides have, 64 hexadecimal digits")
      ->type_name("FILE");
  o.role_option = tool.choice(
      "--role", o.role,
      "With --worker, where there are others for the rest: compute prompts for them, or "
      "write answers from there on; auto: as who asks says, by what there is to do",
      {"both", "prefill", "decode", "auto"});
  add_context(tool, "--ctx", o.context, "Positions for prompt and answer; 0 is all the model has",
              0, kMany);
  app.add_option("--tokenizer", o.tokenizer,
                 "A tokenizer to use instead of the model's own, or for want of one")
      ->type_name("FILE");
  add_load_options(tool, o.load);
  add_lora(tool, o.lora);
  add_access_options(tool, o);
  add_answer_options(tool, o);
  add_memory_options(tool, o);
  for (const char* name : {"--threads", "--no-mmap", "--lock", "--lookup", "--max-batch",
                           "--prompt-step", "--kv-memory", "--cache-dir", "--cache-size"}) {
    o.computing.push_back(app.get_option(name));
  }
}

namespace {

void check_models_options(const std::string& model, const ServeFlags& o) {
  if (o.models.empty()) {
    if (model.empty()) fail_usage("there is no model: add -m MODEL or --models DIR");
    if (given(o.models_memory_option)) fail_usage("--models-memory is for --models");
    return;
  }
  if (!model.empty()) fail_usage("-m is one model and --models is many: leave one out");
  if (!o.worker.empty()) fail_usage("a worker has one model: --worker goes with -m");
  if (o.workers.given()) fail_usage("workers have one model: --workers goes with -m");
  if (!o.alias.empty() || !o.lora.empty() || !o.tokenizer.empty()) {
    fail_usage("--alias, --lora and --tokenizer are for one model, not for --models");
  }
}

void check_worker_options(ServeFlags& o) {
  if (o.workers.given()) {
    if (!o.worker.empty()) fail_usage("--worker computes, and --workers has others do so");
    o.workers.key_file = o.worker_key_file;
    check_workers(o.workers, o.computing);
  }
  if (o.worker.empty()) {
    if (!o.worker_key_file.empty() && !o.workers.given()) {
      fail_usage("--worker-key is for --worker and --workers");
    }
    if (given(o.role_option)) fail_usage("--role is for --worker");
    return;
  }
  if (!is_local_worker_address("--worker", o.worker) && o.worker_key_file.empty()) {
    fail_usage("--worker {}: others reach this address, so they need a key: add --worker-key FILE",
               lathe::quoted(o.worker));
  }
  if (!o.worker_key_file.empty()) o.worker_key = read_worker_key(o.worker_key_file);
}

}  // namespace

void check_serve_options(const Tool& tool, ServeFlags& o) {
  check_models_options(tool.common().model, o);
  check_worker_options(o);
  o.address = parse_listen_address(o.listen);
  if (o.api_key_file.empty() && !o.address.local()) {
    fail_usage(
        "--listen {}: others reach this address, so requests need a key: add --api-key-file FILE",
        lathe::quoted(o.listen));
  }
  if (!o.api_key_file.empty()) o.api_keys = read_api_keys(o.api_key_file);
  if (given(o.cache_size_option) && o.cache_dir.empty()) {
    fail_usage("--cache-size needs --cache-dir");
  }
}

}  // namespace lathe::tool
