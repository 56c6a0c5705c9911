#include "quant/ggml_quantizer.h"

#include <algorithm>
#include <array>

#include "base/fail.h"
#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/e2m1.h"
#include "quant/group_weights.h"
#include "tensor/blocks/grid_blocks.h"
#include "tensor/blocks/write_blocks.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

using Kind = BlockForm::Kind;

constexpr std::int64_t kLanes = kBlockRows;
constexpr std::int64_t kLargestBlock = 256;

const BlockForm& form_of(DType type) {
  const BlockForm* form = find_block_form(type);
  if (form == nullptr) fail(ErrorCode::kBug, "{} is not made", dtype_info(type).name);
  return *form;
}

}  // namespace

GgmlQuantizer::GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance,
                             const ErrorFeedback* feedback)
    : form_(form_of(type)),
      cols_(cols),
      search_(form_),
      importance_(group_weights(importance, cols, form_.block)),
      values_(static_cast<std::size_t>(cols * kLanes)),
      blocks_(static_cast<std::size_t>(cols / form_.block)) {
  if (feedback != nullptr) feedback_.emplace(*feedback);
  for (std::size_t i = 0; i < 16; ++i) grid_[i] = kGridIq4[i];
  for (std::size_t i = 0; i < 15; ++i) borders_[i] = 0.5f * (grid_[i] + grid_[i + 1]);
}

void GgmlQuantizer::quantize(const float* rows, std::int64_t count, std::span<std::byte> out,
                             RowError* errors) {
  RowError all[kLanes] = {};
  kernels().search.transpose_tile(rows, cols_, count, cols_, 1.0f, values_.data());
  const auto blocks = static_cast<std::int64_t>(blocks_.size());
  for (std::int64_t b = 0; b < blocks; ++b) search(b);
  if (feedback_) {
    feedback_->run(values_.data(), [&](std::int64_t k, const float* wanted, float* lost) {
      encode_input(k, wanted, lost, all);
    });
  } else {
    for (std::int64_t b = 0; b < blocks; ++b) encode(b, all);
  }
  for (std::int64_t b = 0; b < blocks; ++b) store(b, count, out);
  std::copy_n(all, count, errors);
}

void GgmlQuantizer::search(std::int64_t b) {
  BlockFactors& factors = blocks_[static_cast<std::size_t>(b)];
  search_.find(values_.data() + b * form_.block * kLanes, importance_.data() + b * form_.block,
               factors);
  if (form_.kind == Kind::kE2M1) return;
  if (all_finite_f16(factors.scale) && all_finite_f16(factors.minimum)) return;
  fail_invalid("a scale is beyond what {} can hold, a half up to 65504: weights are too large",
               dtype_info(form_.type).name);
}

void GgmlQuantizer::to_codes(float* values, std::int64_t n, const float* scales,
                             const float* offsets) const {
  float ignored[2][kLanes];
  const SearchKernels& table = kernels().search;
  if (form_.kind == Kind::kGrid) {
    table.encode_grid(values, n, grid_, borders_, scales, ignored[0], ignored[1]);
  } else if (form_.kind == Kind::kE2M1) {
    for (std::int64_t k = 0; k < n; ++k) {
      float* x = values + k * kLanes;
      for (std::int64_t r = 0; r < kLanes; ++r) x[r] = e2m1_code_as_float(x[r] / scales[r]);
    }
  } else {
    table.encode(values, n, form_.top_code, scales, offsets, ignored[0], ignored[1]);
  }
}

float GgmlQuantizer::value_of(float code, float scale, float offset) const {
  if (form_.kind == Kind::kGrid) return scale * grid_[static_cast<std::size_t>(code)];
  if (form_.kind == Kind::kE2M1) {
    return scale * e2m1_value(code);
  }
  return scale * code + offset;
}

void GgmlQuantizer::encode(std::int64_t b, RowError* errors) {
  const BlockFactors& factors = blocks_[static_cast<std::size_t>(b)];
  std::array<float, kLargestBlock * kLanes> weights;
  for (std::int64_t g = 0; g < form_.groups(); ++g) {
    float* values = values_.data() + (b * form_.block + g * form_.group) * kLanes;
    const float* scales = factors.scales.data() + g * kLanes;
    const float* offsets = factors.offsets.data() + g * kLanes;
    std::copy_n(values, form_.group * kLanes, weights.data());
    to_codes(values, form_.group, scales, offsets);
    float signal[kLanes] = {};
    float error[kLanes] = {};
    for (std::int64_t k = 0; k < form_.group; ++k) {
      for (std::int64_t r = 0; r < kLanes; ++r) {
        const float w = weights[static_cast<std::size_t>(k * kLanes + r)];
        const float lost = w - value_of(values[k * kLanes + r], scales[r], offsets[r]);
        signal[r] += w * w;
        error[r] += lost * lost;
      }
    }
    for (std::int64_t r = 0; r < kLanes; ++r) {
      errors[r].signal += static_cast<double>(signal[r]);
      errors[r].error += static_cast<double>(error[r]);
    }
  }
}

void GgmlQuantizer::encode_input(std::int64_t k, const float* wanted, float* lost,
                                 RowError* errors) {
  const BlockFactors& factors = blocks_[static_cast<std::size_t>(block_of(k))];
  const std::int64_t group = k % form_.block / form_.group;
  const float* scales = factors.scales.data() + group * kLanes;
  const float* offsets = factors.offsets.data() + group * kLanes;
  float* weights = values_.data() + k * kLanes;
  float codes[kLanes];
  std::copy_n(wanted, kLanes, codes);
  to_codes(codes, 1, scales, offsets);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    lost[r] = weights[r] - value_of(codes[r], scales[r], offsets[r]);
    errors[r].add(weights[r], lost[r]);
    weights[r] = codes[r];
  }
}

void GgmlQuantizer::store(std::int64_t b, std::int64_t count, std::span<std::byte> out) const {
  const BlockFactors& factors = blocks_[static_cast<std::size_t>(b)];
  const float* values = values_.data() + b * form_.block * kLanes;
  const auto block_bytes = static_cast<std::size_t>(dtype_info(form_.type).bytes);
  const std::size_t row_bytes = blocks_.size() * block_bytes;
  for (std::int64_t r = 0; r < count; ++r) {
    std::array<std::uint8_t, kLargestBlock> codes;
    for (std::int64_t k = 0; k < form_.block; ++k) {
      codes[static_cast<std::size_t>(k)] = static_cast<std::uint8_t>(values[k * kLanes + r]);
    }
    std::array<std::int8_t, 16> scales = {};
    std::array<std::int8_t, 16> minimums = {};
    const std::size_t groups = std::min(factors.scale_steps.size() / kLanes, scales.size());
    for (std::size_t g = 0; g < groups; ++g) {
      scales[g] = factors.scale_steps[g * kLanes + static_cast<std::size_t>(r)];
      minimums[g] = factors.minimum_steps[g * kLanes + static_cast<std::size_t>(r)];
    }
    write_block(
        form_.type,
        {codes.data(), factors.scale[r], factors.minimum[r], scales.data(), minimums.data()},
        out.data() + static_cast<std::size_t>(r) * row_bytes +
            static_cast<std::size_t>(b) * block_bytes);
  }
}

}  // namespace lathe
