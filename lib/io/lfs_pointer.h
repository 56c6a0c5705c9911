// A checkout without Git LFS has a few lines in the place of each large file.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace lathe {

// Throws kInvalid, saying what it is and what to do, where the whole of a file is such lines.
void refuse_lfs_pointer(std::span<const std::byte> bytes, const std::string& path);
// Of an open file, whose position stays. Pipes and devices are none.
void refuse_lfs_pointer(int descriptor, const std::string& path);

}  // namespace lathe
