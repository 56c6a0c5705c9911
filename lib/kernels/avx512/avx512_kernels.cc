// The kernel table for AVX-512 (F, BW, VL, DQ and VNNI).
#include "kernels/avx512/dots.h"
#include "kernels/avx512/float_kernels.h"
#include "kernels/avx512/grid.h"
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/probe_int8.h"
#include "kernels/avx512/transpose.h"

#include "kernels/shared/table.h"

namespace lathe {
namespace {

constexpr ForwardKernels kForward = [] {
  ForwardKernels forward = forward_kernels(96);
  forward.f32 = with_tiles<FloatWords<F32Weights>>(forward.f32, 24);
  forward.f16 = with_tiles<FloatWords<F16Weights>>(forward.f16, 24);
  forward.bf16 = with_tiles<FloatWords<Bf16Weights>>(forward.bf16, 24);
  return forward;
}();

}  // namespace

extern const KernelTable kAvx512Kernels;
constinit const KernelTable kAvx512Kernels = make_table("avx512", kForward);

}  // namespace lathe
