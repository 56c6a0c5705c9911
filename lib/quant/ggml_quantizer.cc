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

GgmlQuantizer::GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance,
                             const ErrorFeedback* feedback)
    : type_(type),
      cols_(cols),
      top_code_(type == DType::kQ8_0 ? 255 : 15),
      importance_(group_weights(importance, cols, kBlock)),
      values_(static_cast<std::size_t>(cols * kLanes)),
      groups_(static_cast<std::size_t>(cols / kBlock)) {
  if (feedback != nullptr) feedback_.emplace(*feedback);
}

void GgmlQuantizer::quantize(const float* rows, std::int64_t count, std::span<std::byte> out,
                             RowError* errors) {
  RowError all[kLanes] = {};
  kernels().search.transpose_tile(rows, cols_, count, cols_, 1.0f, values_.data());
  const std::int64_t groups = cols_ / kBlock;
  for (std::int64_t g = 0; g < groups; ++g) search(g);
  if (feedback_) {
    feedback_->run(values_.data(), [&](std::int64_t k, const float* wanted, float* lost) {
      encode_input(k, wanted, lost, all);
    });
  } else {
    for (std::int64_t g = 0; g < groups; ++g) encode(g, all);
  }
  for (std::int64_t g = 0; g < groups; ++g) store(g, count, out);
  std::copy_n(all, count, errors);
}

void GgmlQuantizer::search(std::int64_t g) {
  const SearchKernels& table = kernels().search;
  const bool lines = type_ == DType::kQ4_1;
  const float* values = values_.data() + g * kBlock * kLanes;
  const float* importance = importance_.data() + g * kBlock;
  Group& group = groups_[static_cast<std::size_t>(g)];
  group = {};
  if (lines) {
    table.find_lines(values, importance, kBlock, top_code_, group.scales, group.minimums);
  } else {
    table.find_scales(values, importance, kBlock, top_code_, group.scales);
  }
  // The codes belong to the factors that the block can hold.
  for (std::int64_t r = 0; r < kLanes; ++r) {
    group.half_scales[r] = f32_to_f16(group.scales[r]);
    group.scales[r] = f16_to_f32(group.half_scales[r]);
    if (lines) {
      group.half_minimums[r] = f32_to_f16(group.minimums[r]);
      group.minimums[r] = f16_to_f32(group.half_minimums[r]);
    } else {
      group.minimums[r] = -group.scales[r] * static_cast<float>((top_code_ + 1) / 2);
    }
  }
  if (!all_finite_f16(group.half_scales) || !all_finite_f16(group.half_minimums)) {
    fail_invalid("a scale is beyond what {} can hold, a half up to 65504: weights are too large",
                 dtype_info(type_).name);
  }
}

void GgmlQuantizer::encode(std::int64_t g, RowError* errors) {
  const Group& group = groups_[static_cast<std::size_t>(g)];
  float signal[kLanes];
  float error[kLanes];
  kernels().search.encode(values_.data() + g * kBlock * kLanes, kBlock, top_code_, group.scales,
                          group.minimums, signal, error);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    errors[r].signal += static_cast<double>(signal[r]);
    errors[r].error += static_cast<double>(error[r]);
  }
}

void GgmlQuantizer::encode_input(std::int64_t k, const float* wanted, float* lost,
                                 RowError* errors) {
  const Group& group = groups_[static_cast<std::size_t>(k / kBlock)];
  float* weights = values_.data() + k * kLanes;
  float codes[kLanes];
  float ignored[2][kLanes];
  std::copy_n(wanted, kLanes, codes);
  kernels().search.encode(codes, 1, top_code_, group.scales, group.minimums, ignored[0],
                          ignored[1]);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    lost[r] = weights[r] - (group.scales[r] * codes[r] + group.minimums[r]);
    errors[r].add(weights[r], lost[r]);
    weights[r] = codes[r];
  }
}

void GgmlQuantizer::store(std::int64_t g, std::int64_t count, std::span<std::byte> out) const {
  const Group& group = groups_[static_cast<std::size_t>(g)];
  const float* values = values_.data() + g * kBlock * kLanes;
  const auto block_bytes = static_cast<std::size_t>(dtype_info(type_).bytes);
  const std::size_t row_bytes = static_cast<std::size_t>(cols_ / kBlock) * block_bytes;
  for (std::int64_t r = 0; r < count; ++r) {
    Codes codes;
    for (std::int64_t k = 0; k < kBlock; ++k) {
      codes[k] = static_cast<std::uint8_t>(values[k * kLanes + r]);
    }
    store_block(type_, group.half_scales[r], group.half_minimums[r], codes,
                out.data() + static_cast<std::size_t>(r) * row_bytes +
                    static_cast<std::size_t>(g) * block_bytes);
  }
}

}  // namespace lathe
