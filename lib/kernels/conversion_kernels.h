// Conversions between float types, exact as tensor/float16.h (a NaN becomes quiet).
#pragma once

#include <cstdint>

namespace lathe {

struct ConversionKernels {
  void (*f16_to_f32)(const std::uint16_t* x, std::int64_t n, float* y);
  void (*bf16_to_f32)(const std::uint16_t* x, std::int64_t n, float* y);
  void (*f32_to_f16)(const float* x, std::int64_t n, std::uint16_t* y);
};

}  // namespace lathe
