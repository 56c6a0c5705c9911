#include "quant/ggml_quantizer.h"

#include <algorithm>
#include <cstring>

#include "base/fail.h"
#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/group_weights.h"
#include "tensor/float16.h"
#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kBlock = 32;

using Codes = std::uint8_t[kBlock];

void pack_nibbles(const Codes& codes, std::uint8_t* qs) {
  for (std::size_t j = 0; j < 16; ++j) {
    qs[j] = static_cast<std::uint8_t>(codes[j] | codes[j + 16] << 4);
  }
}

void store_block(DType type, std::uint16_t scale, std::uint16_t minimum, const Codes& codes,
                 std::byte* out) {
  if (type == DType::kQ8_0) {
    BlockQ8_0 block;
    block.d = scale;
    for (std::size_t j = 0; j < 32; ++j) {
      block.qs[j] = static_cast<std::int8_t>(static_cast<int>(codes[j]) - 128);
    }
    std::memcpy(out, &block, sizeof(block));
  } else if (type == DType::kQ4_0) {
    BlockQ4_0 block;
    block.d = scale;
    pack_nibbles(codes, block.qs);
    std::memcpy(out, &block, sizeof(block));
  } else {
    BlockQ4_1 block;
    block.d = scale;
    block.m = minimum;
    pack_nibbles(codes, block.qs);
    std::memcpy(out, &block, sizeof(block));
  }
}

}  // namespace

GgmlQuantizer::GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance)
    : type_(type),
      cols_(cols),
      importance_(group_weights(importance, cols, kBlock)),
      values_(static_cast<std::size_t>(kBlock * kLanes)) {}

void GgmlQuantizer::quantize(const float* rows, std::int64_t count, std::span<std::byte> out,
                             RowError* errors) {
  for (std::int64_t r = 0; r < count; ++r) errors[r] = {};
  for (std::int64_t g = 0; g < cols_ / kBlock; ++g) {
    kernels().search.transpose_tile(rows + g * kBlock, cols_, count, kBlock, 1.0f, values_.data());
    encode_group(g, count, out, errors);
  }
}

void GgmlQuantizer::encode_group(std::int64_t g, std::int64_t count, std::span<std::byte> out,
                                 RowError* errors) {
  const SearchKernels& table = kernels().search;
  const bool lines = type_ == DType::kQ4_1;
  const std::int32_t top = type_ == DType::kQ8_0 ? 255 : 15;
  const float* importance = importance_.data() + g * kBlock;
  float scales[kLanes];
  float minimums[kLanes];
  std::uint16_t half_scales[kLanes];
  std::uint16_t half_minimums[kLanes] = {};
  if (lines) {
    table.find_lines(values_.data(), importance, kBlock, top, scales, minimums);
  } else {
    table.find_scales(values_.data(), importance, kBlock, top, scales);
  }
  // The codes belong to the factors that the block can hold.
  for (std::int64_t r = 0; r < kLanes; ++r) {
    half_scales[r] = f32_to_f16(scales[r]);
    scales[r] = f16_to_f32(half_scales[r]);
    if (lines) {
      half_minimums[r] = f32_to_f16(minimums[r]);
      minimums[r] = f16_to_f32(half_minimums[r]);
    } else {
      minimums[r] = -scales[r] * static_cast<float>((top + 1) / 2);
    }
  }
  if (!all_finite_f16(half_scales) || !all_finite_f16(half_minimums)) {
    fail_invalid("a scale is beyond what {} can hold, a half up to 65504: weights are too large",
                 dtype_info(type_).name);
  }
  float signal[kLanes];
  float error[kLanes];
  table.encode(values_.data(), kBlock, top, scales, minimums, signal, error);

  const auto block_bytes = static_cast<std::size_t>(dtype_info(type_).bytes);
  const std::size_t row_bytes = static_cast<std::size_t>(cols_ / kBlock) * block_bytes;
  for (std::int64_t r = 0; r < count; ++r) {
    errors[r].signal += static_cast<double>(signal[r]);
    errors[r].error += static_cast<double>(error[r]);
    Codes codes;
    for (std::int64_t k = 0; k < kBlock; ++k) {
      codes[k] = static_cast<std::uint8_t>(values_[static_cast<std::size_t>(k * kLanes + r)]);
    }
    store_block(type_, half_scales[r], half_minimums[r], codes,
                out.data() + static_cast<std::size_t>(r) * row_bytes +
                    static_cast<std::size_t>(g) * block_bytes);
  }
}

}  // namespace lathe
