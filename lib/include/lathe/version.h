// What this build is.
#pragma once

#include <string>

#include "lathe/export.h"

namespace lathe {

// "0.1.0"
LATHE_API std::string version();

// Several lines: version, the instruction set whose kernels are in use, library versions.
// Throws kUnsupported when LATHE_ISA names a kernel table that cannot run here.
LATHE_API std::string version_details();

}  // namespace lathe
