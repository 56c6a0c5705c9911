// serve's options.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/model.h"

#include "common/chat_options.h"
#include "common/given.h"
#include "common/tool.h"
#include "common/worker_key.h"
#include "common/workers.h"
#include "serve/listen_address.h"

namespace lathe::tool {

struct ServeFlags {
  std::string listen = "127.0.0.1:8080", api_key_file, alias;
  std::string models;                                  // a folder, in place of one model
  std::uint64_t models_memory = 0;                     // 0: default_kv_memory()
  std::string worker, worker_key_file, role = "both";  // where it is a worker, besides or instead
  WorkerFlags workers;                                 // who compute in its place
  std::int64_t max_connections = 256, max_waiting = 64;
  std::uint64_t max_body = std::uint64_t{16'000'000};
  double request_timeout = 0, drain_timeout = 30;

  std::string tokenizer, kv_type = "f16", cache_dir, lookup = "auto", reasoning = "keep";
  std::int64_t tokens = 128, context = 0, max_batch = 32, prompt_step = 40, loop_stop = 256;
  std::uint64_t kv_memory = 0, cache_size = std::uint64_t{4'000'000'000};
  std::vector<std::string> lora;
  ChatOptions form;
  LoadOptions load;

  CLI::Option* listen_option = nullptr;
  CLI::Option* role_option = nullptr;
  CLI::Option* models_memory_option = nullptr;
  CLI::Option* tokens_option = nullptr;
  CLI::Option* reasoning_option = nullptr;
  CLI::Option* cache_size_option = nullptr;
  std::vector<const CLI::Option*> computing;  // options of who computes

  ListenAddress address;  // once they are checked
  std::vector<std::string> api_keys;
  WorkerKey worker_key;

  // A worker answers over HTTP only where it is told to.
  bool has_http() const { return worker.empty() || given(listen_option); }
};

void add_serve_options(Tool& tool, ServeFlags& flags);
// Reads the address and the keys. Throws kUsage, also for an address that others reach where there
// is no key, and kIo.
void check_serve_options(const Tool& tool, ServeFlags& flags);

}  // namespace lathe::tool
