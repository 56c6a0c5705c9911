// Float matrix product by oneDNN, on the calling thread only.
#pragma once

#include <cstdint>

namespace lathe {

// y[m][n] = Σ_k x[m][k] · w[k][n], for m < rows, n < outputs, k < inner. Row strides are given
// in floats. Uses this thread alone; the same arguments give the same bits.
void onednn_sgemm(const float* x, std::int64_t x_stride, std::int64_t rows, const float* w,
                  std::int64_t w_stride, std::int64_t outputs, std::int64_t inner, float* y,
                  std::int64_t y_stride) noexcept;

}  // namespace lathe
