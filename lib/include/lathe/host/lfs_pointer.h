// A checkout without Git LFS has a few lines in the place of each large file. Thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lathe/export.h"

namespace lathe {

// Throws kInvalid, saying what it is and what to do, where the whole of a file is such lines.
LATHE_API void refuse_lfs_pointer(std::span<const std::byte> bytes, const std::string& path);
// Of an open file, whose position stays. Pipes and devices are none.
LATHE_API void refuse_lfs_pointer(int descriptor, const std::string& path);

}  // namespace lathe
