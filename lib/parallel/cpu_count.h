// How many cores this process may use: the affinity mask and the cgroup's CPU quota.
#pragma once

namespace lathe {

// At least 1. Reads /proc and /sys once; later calls return the same number.
int available_cpus() noexcept;

}  // namespace lathe
