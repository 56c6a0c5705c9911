// What tests of packed schemes share.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/packed_names.h"

namespace lathe::test {

// Sixteen values as a quantizer might fit them.
inline constexpr std::array<std::int8_t, 16> kSomeGrid = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                          1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace lathe::test
