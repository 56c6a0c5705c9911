// A panel of a float matrix as the GEMM reads it fastest: as floats, transposed.
//
//   weights [rows][cols], f32 / f16 / bf16   ->   panel [cols][rows] f32
//
// oneDNN's single-precision product wants its second operand with the outputs side by side, in
// three registers' worth (48): given rows instead, it turns them itself at every call, which
// costs a quarter of the time. Turning four by four costs two or three per cent. Exact: values
// only move. Thread-safe.
#pragma once

#include <cstdint>

#include "lathe/dtype.h"

namespace lathe {

// `weights` points at the first row; type is kF32, kF16 or kBF16.
void make_float_panel(DType type, const void* weights, std::int64_t rows, std::int64_t cols,
                      float* panel) noexcept;

}  // namespace lathe
