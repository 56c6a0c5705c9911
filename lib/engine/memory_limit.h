// How much memory this process may still use.
#pragma once

#include <cstdint>

namespace lathe {

// The least of: what the system calls available, what the cgroups of this process (v1 and v2)
// leave, and what the limit on address space leaves. Reads /proc and /sys; 0 when nothing can be
// read.
std::uint64_t available_memory();

}  // namespace lathe
