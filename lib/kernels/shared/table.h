// A kernel table of everything in kernels/shared/. Included last by each <isa>_kernels.cc, after
// what its folder defines (README.md of kernels/; shared/vocabulary.h checks it).
#pragma once

#include "kernels/conversion_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/kernel_table.h"
#include "kernels/probe_kernels.h"
#include "kernels/search_kernels.h"
#include "kernels/shared/attention.h"
#include "kernels/shared/attention_codes.h"
#include "kernels/shared/elementwise.h"
#include "kernels/shared/grid_search.h"
#include "kernels/shared/low_rank.h"
#include "kernels/shared/matvec.h"
#include "kernels/shared/packed.h"
#include "kernels/shared/probe.h"
#include "kernels/shared/quantize_row.h"
#include "kernels/shared/scale_search.h"
#include "kernels/shared/vocabulary.h"

namespace lathe {
namespace {

// All constant: a table must be ready before any code runs, above all code that the processor
// lacks.
constexpr ForwardKernels forward_kernels(std::int64_t library_from) noexcept {
  return {
      .f32 = {.matvec = matvec<F32Weights>},
      .f16 = {.matvec = matvec<F16Weights>},
      .bf16 = {.matvec = matvec<Bf16Weights>},
      .library_from = library_from,
      .add_low_rank = add_low_rank,
      .block_tokens = kBlockTokens,
      .quantize_row = quantize_row,
      .quantize_vector = quantize_vector,
      .packed_matmul = packed_matmul,
      .add = add_to,
      .rms_norm = rms_norm,
      .silu_mul = gated<silu>,
      .gelu_mul = gated<gelu>,
      .soft_cap = soft_cap,
      .rope = rope,
      .attend_f32 = attend<F32Cache>,
      .attend_f16 = attend<F16Cache>,
      .attend_int8 = attend_codes<8, 8>,
      .attend_int4 = attend_codes<6, 4>,
      .attend_k8v4 = attend_codes<8, 4>,
      .quantize_bytes = quantize_bytes,
      .quantize_codes = quantize_codes,
      .sum_exp = sum_exp,
  };
}

constexpr ConversionKernels kConversions = {
    .f16_to_f32 = convert_f16,
    .bf16_to_f32 = convert_bf16,
    .f32_to_f16 = convert_to_f16,
};

constexpr SearchKernels kSearch = {
    .find_scales = search_scales,
    .find_lines = search_lines,
    .encode = encode_group,
    .find_grid_scales = search_grid,
    .encode_grid = encode_grid,
    .weigh_codes = weigh_codes,
    .transpose_tile = transpose_tile,
};

constexpr ProbeKernels kProbe = {
    .read = probe_read,
    .f32 = probe_f32,
    .int8 = probe_int8,
    .bf16 = probe_f32,
};

// `forward` is a constant of the including file.
constexpr KernelTable make_table(const char* name, const ForwardKernels& forward) noexcept {
  return {
      .name = name,
      .forward = forward,
      .convert = kConversions,
      .search = kSearch,
      .probe = kProbe,
  };
}

}  // namespace
}  // namespace lathe
