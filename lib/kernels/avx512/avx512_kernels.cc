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

constexpr KernelTable make_avx512_table() noexcept {
  KernelTable table = make_table("avx512", 96);
  table.f32 = with_tiles<FloatWords<F32Weights>>(table.f32, 24);
  table.f16 = with_tiles<FloatWords<F16Weights>>(table.f16, 24);
  table.bf16 = with_tiles<FloatWords<Bf16Weights>>(table.bf16, 24);
  return table;
}

}  // namespace

extern const KernelTable kAvx512Kernels;
constinit const KernelTable kAvx512Kernels = make_avx512_table();

}  // namespace lathe
