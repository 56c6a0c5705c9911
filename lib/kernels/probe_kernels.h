// The machine's limits, for bench.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lathe {

struct ProbeKernels {
  // Reads `bytes` bytes once, in order.
  void (*read)(const void* data, std::size_t bytes);
  // Multiplies and adds in a loop, and returns how many operations that was (a multiply and
  // an add are two).
  double (*f32)(std::int64_t steps);
  double (*int8)(std::int64_t steps);
  double (*bf16)(std::int64_t steps);  // with bfloat16, as bf16 multiplies
};

}  // namespace lathe
