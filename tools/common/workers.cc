#include "common/workers.h"

#include <CLI/App.hpp>

#include "lathe/batch.h"

#include "common/fail.h"
#include "common/given.h"
#include "common/text.h"
#include "common/worker_key.h"
#include "common/zmq_wire.h"

namespace lathe::tool {
namespace {

std::vector<std::string> read_addresses(const WorkerFlags& flags) {
  std::vector<std::string> out = read_list(flags.file);
  const std::string option = "--workers " + lathe::quoted(flags.file);
  for (const std::string& address : out) {
    if (!is_local_worker_address(option, address) && flags.key_file.empty()) {
      fail_usage("{}: {} is on another machine: workers there want a key, so add --worker-key FILE",
                 option, lathe::quoted(address));
    }
  }
  if (out.empty()) {
    fail(ErrorCode::kInvalid, "{}: there is no worker's address in it", lathe::quoted(flags.file));
  }
  return out;
}

}  // namespace

void add_workers(Tool& tool, WorkerFlags& flags, const std::string& group) {
  CLI::App& app = tool.app();
  app.add_option("--workers", flags.file,
                 "Have them answered by the workers (serve --worker) of FILE, which has an address "
                 "a line")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--worker-key", flags.key_file, "The key that those workers have")
      ->type_name("FILE")
      ->group(group);
}

void check_workers(const WorkerFlags& flags, const std::vector<const CLI::Option*>& engine_only) {
  if (!flags.given()) {
    if (!flags.key_file.empty()) fail_usage("--worker-key is for --workers");
    return;
  }
  if (const CLI::Option* option = first_given(engine_only)) {
    fail_usage("{} is an option of who computes: with --workers, give it to them",
               option->get_name());
  }
}

WorkerIdentity worker_identity(const Checkpoint& checkpoint, const std::string& adapter,
                               const std::string& kv_type, std::int64_t context) {
  std::uint64_t model = content_hash(checkpoint);
  if (!adapter.empty()) model = hash_parts({fmt::format("{:016x}", model), adapter});
  return {model, kv_type, context};
}

std::unique_ptr<WorkerPool> open_workers(const Tool& tool, const WorkerFlags& flags,
                                         const WorkerIdentity& wanted,
                                         std::chrono::milliseconds patience) {
  const std::vector<std::string> addresses = read_addresses(flags);
  WorkerKey key;
  if (!flags.key_file.empty()) key = read_worker_key(flags.key_file);
  WorkerPoolOptions options;
  options.wanted = wanted;
  options.patience = patience;
  options.part_tokens = flags.part_tokens;
  options.share_memory = flags.share_memory;
  options.on_warning = [&tool](const std::string& text) { tool.warn(text); };
  if (tool.common().verbose > 0) {
    options.on_role = [&tool](const std::string& text) { tool.note(text); };
  }
  return WorkerPool::create(connect_to_workers(addresses, key), std::move(options));
}

}  // namespace lathe::tool
