// How many cores this process may use: the affinity mask and the cgroup's CPU quota.
#pragma once

#include "lathe/export.h"

namespace lathe {

// At least 1. Reads /proc and /sys once; later calls return the same number.
LATHE_API int available_cpus() noexcept;

}  // namespace lathe
