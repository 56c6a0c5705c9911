// The kernel table for AVX2, FMA and F16C.
#include "kernels/avx2/probe_int8.h"
#include "kernels/avx2/weights.h"
#include "kernels/x86_256/dots.h"
#include "kernels/x86_256/grid.h"
#include "kernels/x86_256/lanes.h"
#include "kernels/x86_256/transpose.h"

#include "kernels/shared/table.h"

#include "kernels/avx2/one_token.h"

namespace lathe {
namespace {

constexpr ForwardKernels with_one_token(ForwardKernels kernels) noexcept {
  kernels.packed_matmul = packed_matmul_by_tokens;
  return kernels;
}
constexpr ForwardKernels kForward = with_one_token(forward_kernels(24));

}  // namespace

extern const KernelTable kAvx2Kernels;
constinit const KernelTable kAvx2Kernels = make_table("avx2", kForward);

}  // namespace lathe
