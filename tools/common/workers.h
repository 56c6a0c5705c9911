// --workers of the tools that have many requests: others who answer them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/workers/pool.h"

#include "common/tool.h"

namespace lathe::tool {

struct WorkerFlags {
  std::string file, key_file;
  std::int64_t part_tokens = WorkerPoolOptions().part_tokens;
  bool share_memory = true;

  bool given() const noexcept { return !file.empty(); }
};

void add_workers(Tool& tool, WorkerFlags& flags, const std::string& group);

// Throws kUsage for --worker-key alone, and for an option of `engine_only` beside --workers: such
// things are the workers' own.
void check_workers(const WorkerFlags& flags, const std::vector<const CLI::Option*>& engine_only);

// What a model's answers depend on, as workers and those who ask them compare it; `adapter`: its
// fingerprint, or empty.
WorkerIdentity worker_identity(const Checkpoint& checkpoint, const std::string& adapter,
                               const std::string& kv_type, std::int64_t context);

// Throws kIo; kInvalid for a file without addresses; kUsage for addresses that are none, or that
// others reach where there is no key.
// `patience` is WorkerPoolOptions'.
std::unique_ptr<WorkerPool> open_workers(
    const Tool& tool, const WorkerFlags& flags, const WorkerIdentity& wanted,
    std::chrono::milliseconds patience = std::chrono::milliseconds(100));

}  // namespace lathe::tool
