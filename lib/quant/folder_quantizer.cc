#include "quant/folder_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"
#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/group_weights.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr float kLeastHalf = 0x1p-24f;
constexpr std::int32_t kFinest = 255;
// Of find_scales() beside that by which the largest weight is a code (block_search.cc).
constexpr float kFinestReach = 127.5f / 128.0f;

std::size_t at(std::int64_t group, std::int64_t row) {
  return static_cast<std::size_t>(group * kLanes + row);
}

}  // namespace

GroupCodes::GroupCodes(const FolderScheme& scheme, std::int64_t rows_, std::int64_t cols_)
    : rows(rows_),
      cols(cols_),
      groups(cols_ / scheme.group),
      codes(static_cast<std::size_t>(rows * cols)),
      scales(static_cast<std::size_t>(rows * groups)),
      zeros(static_cast<std::size_t>(rows * groups)) {}

FolderQuantizer::FolderQuantizer(const FolderScheme& scheme, std::int64_t cols,
                                 std::span<const float> importance, const ErrorFeedback* feedback)
    : scheme_(scheme),
      cols_(cols),
      importance_(group_weights(importance, cols, scheme.group)),
      values_(static_cast<std::size_t>(cols * kLanes)),
      scales_(static_cast<std::size_t>(cols / scheme.group * kLanes)),
      zeros_(scales_.size(), static_cast<float>(1 << (scheme.bits - 1))) {
  if (feedback != nullptr) feedback_.emplace(*feedback);
}

// A half, of no more digits than the model's floats, so that no reader has to round it. A group of
// zeros has a scale like any other: 0 is none.
float FolderQuantizer::storable(float scale) const {
  if (scale == 0.0f) return 1.0f;
  if (scheme_.scale_type == DType::kBF16) scale = bf16_to_f32(f32_to_bf16(scale));
  const float half = f16_to_f32(f32_to_f16(scale));
  return half == 0.0f ? std::copysign(kLeastHalf, scale) : half;
}

void FolderQuantizer::search(std::int64_t g) {
  if (scheme_.has_zeros()) return search_zeros(g);
  const float* values = values_.data() + g * scheme_.group * kLanes;
  float* scales = scales_.data() + g * kLanes;
  kernels().search.find_scales(values, importance_.data() + g * scheme_.group, scheme_.group,
                               scheme_.top_code(), scales);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    scales[r] = storable(scheme_.top_code() == kFinest ? scales[r] * kFinestReach : scales[r]);
  }
}

// The line of least error first, then zero points next to where it passes 0, each with the scale
// that its codes would like best.
void FolderQuantizer::search_zeros(std::int64_t g) {
  const SearchKernels& table = kernels().search;
  const std::int64_t n = scheme_.group;
  const float* values = values_.data() + g * n * kLanes;
  const float* importance = importance_.data() + g * n;
  const auto top = static_cast<float>(scheme_.top_code());
  float wished[kLanes];
  float minimums[kLanes];
  table.find_lines(values, importance, n, scheme_.top_code(), wished, minimums);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    // 0 is a code, so a line must pass it.
    const float least = std::min(minimums[r], 0.0f);
    const float most = std::max(minimums[r] + top * wished[r], 0.0f);
    minimums[r] = least;
    wished[r] = (most - least) / top;
  }
  float lost[kLanes];
  std::fill(std::begin(lost), std::end(lost), std::numeric_limits<float>::infinity());
  for (int step = -1; step <= 1; ++step) {
    float scales[kLanes];
    float zeros[kLanes];
    for (std::int64_t r = 0; r < kLanes; ++r) {
      scales[r] = storable(wished[r]);
      const float middle = std::nearbyint(-minimums[r] / scales[r]);
      zeros[r] = std::clamp(middle + static_cast<float>(step), 0.0f, top);
    }
    for (int round = 0; round < 3; ++round) {
      float offsets[kLanes];
      for (std::int64_t r = 0; r < kLanes; ++r) offsets[r] = -zeros[r] * scales[r];
      CodeSums sums;
      table.weigh_codes(values, importance, n, scheme_.top_code(), 0, scales, offsets, &sums);
      for (std::int64_t r = 0; r < kLanes; ++r) {
        if (sums.error[r] < lost[r]) {
          lost[r] = sums.error[r];
          scales_[at(g, r)] = scales[r];
          zeros_[at(g, r)] = zeros[r];
        }
        const float z = zeros[r];
        const float tt = sums.htt[r] - 2.0f * z * sums.ht[r] + z * z * sums.h[r];
        const float xt = sums.hxt[r] - z * sums.hx[r];
        if (tt > 0.0f && xt > 0.0f) scales[r] = storable(xt / tt);
      }
    }
  }
  // Weights beyond all floats: refused with those that a half cannot hold.
  for (std::int64_t r = 0; r < kLanes; ++r) {
    if (!std::isfinite(lost[r])) scales_[at(g, r)] = std::numeric_limits<float>::infinity();
  }
}

void FolderQuantizer::quantize(const float* rows, std::int64_t count, std::int64_t first,
                               GroupCodes& out, RowError* errors) {
  RowError all[kLanes] = {};
  kernels().search.transpose_tile(rows, cols_, count, cols_, 1.0f, values_.data());
  for (std::int64_t g = 0; g < out.groups; ++g) search(g);
  for (const float scale : scales_) {
    if (std::isfinite(scale)) continue;
    fail_invalid("a scale is beyond what {} can hold, a half up to 65504: weights are too large",
                 folder_scheme_name(scheme_));
  }
  const auto encode = [&](std::int64_t k, const float* wanted, float* lost) {
    encode_input(k, wanted, lost, all);
  };
  if (feedback_) {
    feedback_->run(values_.data(), encode);
  } else {
    float lost[kLanes];
    for (std::int64_t k = 0; k < cols_; ++k) encode(k, values_.data() + k * kLanes, lost);
  }
  for (std::int64_t r = 0; r < count; ++r) {
    std::uint8_t* codes = out.codes.data() + (first + r) * cols_;
    for (std::int64_t k = 0; k < cols_; ++k) {
      codes[k] = static_cast<std::uint8_t>(values_[at(k, r)]);
    }
    for (std::int64_t g = 0; g < out.groups; ++g) {
      const auto to = static_cast<std::size_t>((first + r) * out.groups + g);
      out.scales[to] = scales_[at(g, r)];
      out.zeros[to] = static_cast<std::uint8_t>(zeros_[at(g, r)]);
    }
  }
  std::copy_n(all, count, errors);
}

void FolderQuantizer::encode_input(std::int64_t k, const float* wanted, float* lost,
                                   RowError* errors) {
  const std::int64_t g = k / scheme_.group;
  const float* scales = scales_.data() + g * kLanes;
  float offsets[kLanes];
  for (std::int64_t r = 0; r < kLanes; ++r) offsets[r] = -zeros_[at(g, r)] * scales[r];
  float* weights = values_.data() + k * kLanes;
  float codes[kLanes];
  float ignored[2][kLanes];
  std::copy_n(wanted, kLanes, codes);
  kernels().search.encode(codes, 1, scheme_.top_code(), scales, offsets, ignored[0], ignored[1]);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    lost[r] = weights[r] - (codes[r] - zeros_[at(g, r)]) * scales[r];
    errors[r].add(weights[r], lost[r]);
    weights[r] = codes[r];
  }
}

}  // namespace lathe
