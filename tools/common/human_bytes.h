// Sizes for people to read.
#pragma once

#include <cstdint>
#include <string>

namespace lathe::tool {

// "1.2 MB", by powers of ten.
std::string human_bytes(std::uint64_t bytes);

}  // namespace lathe::tool
