// A kernel table of everything in kernels/shared/. Included by each <isa>_kernels.cc after its
// lanes.h, dots.h (or weights.h and half_tile_dots.h), grid lookup, probe_int8.h and transpose.h.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/shared/attention.h"
#include "kernels/shared/elementwise.h"
#include "kernels/shared/grid_search.h"
#include "kernels/shared/low_rank.h"
#include "kernels/shared/matvec.h"
#include "kernels/shared/packed.h"
#include "kernels/shared/probe.h"
#include "kernels/shared/quantize_row.h"
#include "kernels/shared/scale_search.h"

namespace lathe {
namespace {

// Constant: a table must be ready before any code runs, above all code that the processor lacks.
constexpr KernelTable make_table(const char* name, std::int64_t library_from) noexcept {
  return {
      .name = name,
      .f32 = {.matvec = matvec<F32Weights>},
      .f16 = {.matvec = matvec<F16Weights>},
      .bf16 = {.matvec = matvec<Bf16Weights>},
      .library_from = library_from,
      .add_low_rank = add_low_rank,
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
      .probe_bf16 = probe_f32,
  };
}

}  // namespace
}  // namespace lathe
