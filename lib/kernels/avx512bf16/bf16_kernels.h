// What AVX512_BF16 adds to the table of AVX-512.
#pragma once

#include <cstdint>

#include "kernels/float_kernels.h"

namespace lathe {

struct Bf16Kernels {
  FloatKernels floats;  // but for matvec
  double (*probe)(std::int64_t steps);
};

}  // namespace lathe
