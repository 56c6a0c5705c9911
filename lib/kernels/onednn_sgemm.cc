#include "kernels/onednn_sgemm.h"

#include <cstdlib>
#include <dnnl.h>

// Of the OpenMP run time that oneDNN brings, if it was built with one. Weak: a oneDNN with
// another threading layer has no such symbol, and needs no call.
extern "C" __attribute__((weak)) void omp_set_num_threads(int);

namespace lathe {

void onednn_sgemm(const float* x, std::int64_t x_stride, std::int64_t rows, const float* w,
                  std::int64_t w_stride, std::int64_t outputs, std::int64_t inner, float* y,
                  std::int64_t y_stride) noexcept {
  // Threads are ours (parallel/): each worker multiplies its own panel. The setting is one of
  // the calling thread.
  thread_local const bool single = [] {
    if (omp_set_num_threads != nullptr) omp_set_num_threads(1);
    return true;
  }();
  (void)single;
  // dnnl_sgemm is row-major and has kept its signature from 0.x to 3.x.
  const dnnl_status_t status =
      dnnl_sgemm('N', 'N', rows, outputs, inner, 1.0f, x, x_stride, w, w_stride, 0.0f, y, y_stride);
  if (status != dnnl_success) std::abort();  // only for sizes that the caller never passes
}

}  // namespace lathe
