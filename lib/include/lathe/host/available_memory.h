// How much memory this process may still use.
#pragma once

#include <cstdint>

#include "lathe/export.h"

namespace lathe {

// The least of: what the system calls available, what the cgroups of this process (v1 and v2)
// leave, and what the limit on address space leaves, in bytes. Reads /proc and /sys at each call;
// the largest number when nothing is known. Thread-safe.
LATHE_API std::uint64_t available_memory();

}  // namespace lathe
