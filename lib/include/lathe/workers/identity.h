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

// What a worker is for, where there are others for the rest: computing prompts, whose keys and
// values go on to who writes the answers. kAuto: who asks says which of them, by what there is to
// do.
enum class WorkerRole : std::uint8_t { kBoth, kPrefill, kDecode, kAuto };

// Why answers of `there` are none of `here`; nothing where they are.
LATHE_API std::optional<std::string> difference(const WorkerIdentity& here,
                                                const WorkerIdentity& there);

}  // namespace lathe
