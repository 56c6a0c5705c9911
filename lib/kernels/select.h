// The kernel table in use.
#pragma once

#include <span>

#include "kernels/kernel_table.h"

namespace lathe {

// The table in use: the best that the CPU has, or what LATHE_ISA names. Throws Error
// (kUnsupported) when LATHE_ISA names a table that is unknown or that the CPU lacks; the
// choice is made once.
const KernelTable& kernels();
// Makes kernels() another table, for tests that compare them; while nothing computes.
void use_kernels(const KernelTable& table) noexcept;

// Every table this CPU can run, worst first, so generic first: for tests and for --version.
std::span<const KernelTable* const> available_kernels() noexcept;

}  // namespace lathe
