// What answers depend on: workers and those who ask them must have the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lathe/export.h"

namespace lathe {

struct WorkerIdentity {
  std::uint64_t model = 0;   // content_hash(), with the fingerprints of adapters
  std::string kv_type;       // as --kv-type names it
  std::int64_t context = 0;  // positions of a prompt and its answer
};

// Why answers of `there` are none of `here`; nothing where they are.
LATHE_API std::optional<std::string> difference(const WorkerIdentity& here,
                                                const WorkerIdentity& there);

}  // namespace lathe
