// How many cores this process may use: the affinity mask and the cgroup's CPU quota.
#pragma once

#include "lathe/export.h"

namespace lathe {

// At least 1. Reads /proc and /sys once; later calls return the same number.
LATHE_API int available_cpus() noexcept;

// Threads of work that is nobody's option: what is decoded or re-expressed when it is first read.
// available_cpus() until a process says otherwise. Thread-safe.
LATHE_API int default_threads() noexcept;
LATHE_API void set_default_threads(int threads) noexcept;

}  // namespace lathe
