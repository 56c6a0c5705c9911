// The kernel table in plain C++, for any processor and as the reference of the others.
#include "kernels/generic/dots.h"
#include "kernels/generic/grid.h"
#include "kernels/generic/lanes.h"
#include "kernels/generic/probe_int8.h"
#include "kernels/generic/transpose.h"
#include "kernels/kernel_table.h"
#include "kernels/shared/attention.h"
#include "kernels/shared/elementwise.h"
#include "kernels/shared/grid_search.h"
#include "kernels/shared/matvec.h"
#include "kernels/shared/packed.h"
#include "kernels/shared/probe.h"
#include "kernels/shared/quantize_row.h"
#include "kernels/shared/scale_search.h"

namespace lathe {

extern const KernelTable kGenericKernels;
const KernelTable kGenericKernels = {
    .name = "generic",
    .library_gemm_from = 2,
    .matvec_f32 = matvec<F32Weights>,
    .matvec_f16 = matvec<F16Weights>,
    .matvec_bf16 = matvec<Bf16Weights>,
    .block_tokens = kBlockTokens,
    .quantize_row = quantize_row,
    .quantize_vector = quantize_vector,
    .packed_matmul = packed_matmul,
    .f16_to_f32 = convert_f16,
    .bf16_to_f32 = convert_bf16,
    .f32_to_f16 = convert_to_f16,
    .add = add_to,
    .rms_norm = rms_norm,
    .silu_mul = gated<silu>,
    .gelu_mul = gated<gelu>,
    .rope = rope,
    .attend_f32 = attend<F32Cache>,
    .attend_f16 = attend<F16Cache>,
    .attend_int8 = attend<Int8Cache>,
    .sum_exp = sum_exp,
    .search_scales = search_scales,
    .search_lines = search_lines,
    .encode_group = encode_group,
    .search_grid = search_grid,
    .encode_grid = encode_grid,
    .transpose_tile = transpose_tile,
    .probe_read = probe_read,
    .probe_f32 = probe_f32,
    .probe_int8 = probe_int8,
};

}  // namespace lathe
