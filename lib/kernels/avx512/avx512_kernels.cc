// The kernel table for AVX-512 (F, BW, VL, DQ and VNNI).
#include "kernels/avx512/dots.h"
#include "kernels/avx512/float_gemm.h"
#include "kernels/avx512/grid.h"
#include "kernels/avx512/lanes.h"
#include "kernels/avx512/probe_int8.h"
#include "kernels/avx512/transpose.h"
#include "kernels/shared/table.h"

namespace lathe {
namespace {

constexpr KernelTable make_avx512_table() noexcept {
  KernelTable table = make_table("avx512", 96);
  table.gemm_f32 = make_gemm<FloatWords<F32Weights>>(24);
  table.gemm_f16 = make_gemm<FloatWords<F16Weights>>(24);
  table.gemm_bf16 = make_gemm<FloatWords<Bf16Weights>>(24);
  return table;
}

}  // namespace

extern const KernelTable kAvx512Kernels;
constinit const KernelTable kAvx512Kernels = make_avx512_table();

}  // namespace lathe
