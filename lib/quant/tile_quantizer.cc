#include "quant/tile_quantizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/kernel_table.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kLanes = 16;

std::size_t lanes(std::int64_t n) { return static_cast<std::size_t>(n * kLanes); }

}  // namespace

TileQuantizer::TileQuantizer(const PackedScheme& scheme, std::int64_t cols, float unit,
                             std::span<const float> importance)
    : scheme_(scheme),
      cols_(cols),
      group_size_(scheme.group == 0 ? cols : scheme.group),
      groups_((cols + group_size_ - 1) / group_size_),
      super_groups_(scheme.form == ScaleForm::kTwoLevel
                        ? (cols + kPackedSuperGroup - 1) / kPackedSuperGroup
                        : 0),
      top_code_((1 << scheme.bits) - 1),
      unit_(unit),
      importance_(importance.begin(), importance.end()),
      codes_(lanes(cols)) {
  importance_.resize(static_cast<std::size_t>(cols), 1.0f);
  for (Factors* f : {&scales_, &minimums_}) {
    f->values.resize(lanes(groups_));
    f->halves.resize(lanes(groups_));
    f->bytes.resize(lanes(groups_));
    f->supers.resize(lanes(super_groups_));
  }
}

void TileQuantizer::quantize(const float* rows, std::int64_t count, std::int64_t tile,
                             PackedWriter& out, RowError* errors) {
  transpose(rows, count);
  for (std::int64_t g = 0; g < groups_; ++g) search(g);
  round_factors(scales_);
  if (scheme_.minimums) round_factors(minimums_);
  for (std::int64_t g = 0; g < groups_; ++g) encode(g);

  PackedTile packed;
  packed.codes = codes_.data();
  const bool two_level = scheme_.form == ScaleForm::kTwoLevel;
  const auto section = [two_level](const Factors& f) {
    return PackedTile::Section{two_level ? nullptr : f.halves.data(),
                               two_level ? f.bytes.data() : nullptr,
                               two_level ? f.supers.data() : nullptr};
  };
  packed.scales = section(scales_);
  if (scheme_.minimums) packed.minimums = section(minimums_);
  out.set_tile(tile, packed);
  for (std::int64_t r = 0; r < count; ++r) errors[r] = row_error(rows + r * cols_, r);
}

// Rows that a last tile lacks are zeros.
void TileQuantizer::transpose(const float* rows, std::int64_t count) {
  const float per_unit = 1.0f / unit_;  // a power of two: exact
  if (count < kLanes) std::fill(codes_.begin(), codes_.end(), 0.0f);
  for (std::int64_t r = 0; r < count; ++r) {
    const float* row = rows + r * cols_;
    float* lane = codes_.data() + r;
    for (std::int64_t k = 0; k < cols_; ++k) lane[k * kLanes] = row[k] * per_unit;
  }
}

void TileQuantizer::search(std::int64_t g) {
  const std::int64_t first = g * group_size_;
  const std::int64_t n = std::min(group_size_, cols_ - first);
  const float* values = codes_.data() + first * kLanes;
  const float* importance = importance_.data() + first;
  float* scales = scales_.values.data() + g * kLanes;
  if (scheme_.minimums) {
    kernels().search_lines(values, importance, n, top_code_, scales,
                           minimums_.values.data() + g * kLanes);
  } else {
    kernels().search_scales(values, importance, n, top_code_, scales);
  }
}

void TileQuantizer::encode(std::int64_t g) {
  const std::int64_t first = g * group_size_;
  const std::int64_t n = std::min(group_size_, cols_ - first);
  const float* scales = scales_.values.data() + g * kLanes;
  float minimums[kLanes];
  const auto zero = static_cast<float>((top_code_ + 1) / 2);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    minimums[r] = scheme_.minimums ? minimums_.values[lanes(g) + static_cast<std::size_t>(r)]
                                   : -zero * scales[r];
  }
  kernels().encode_group(codes_.data() + first * kLanes, n, top_code_, scales, minimums);
}

void TileQuantizer::round_factors(Factors& f) const {
  if (scheme_.form == ScaleForm::kTwoLevel) {
    round_two_level(f);
    return;
  }
  kernels().f32_to_f16(f.values.data(), groups_ * kLanes, f.halves.data());
  kernels().f16_to_f32(f.halves.data(), groups_ * kLanes, f.values.data());
}

// A half per 256 inputs, so that the largest factor among them is 127 steps.
void TileQuantizer::round_two_level(Factors& f) const {
  const std::int64_t per_super = kPackedSuperGroup / group_size_;
  for (std::int64_t s = 0; s < super_groups_; ++s) {
    const std::int64_t end = std::min(groups_, (s + 1) * per_super);
    for (std::int64_t r = 0; r < kLanes; ++r) {
      const auto at = [r](std::int64_t i) { return static_cast<std::size_t>(i * kLanes + r); };
      float largest = 0.0f;
      for (std::int64_t g = s * per_super; g < end; ++g) {
        largest = std::max(largest, std::abs(f.values[at(g)]));
      }
      f.supers[at(s)] = f32_to_f16(largest / 127.0f);
      const float step = f16_to_f32(f.supers[at(s)]);
      for (std::int64_t g = s * per_super; g < end; ++g) {
        const float steps = step == 0.0f ? 0.0f : std::nearbyint(f.values[at(g)] / step);
        f.bytes[at(g)] = static_cast<std::int8_t>(std::clamp(steps, -127.0f, 127.0f));
        f.values[at(g)] = static_cast<float>(f.bytes[at(g)]) * step;
      }
    }
  }
}

RowError TileQuantizer::row_error(const float* row, std::int64_t lane) const {
  RowError e;
  const auto zero = static_cast<float>((top_code_ + 1) / 2);
  for (std::int64_t g = 0; g < groups_; ++g) {
    const auto factor = static_cast<std::size_t>(g * kLanes + lane);
    const float scale = scales_.values[factor] * unit_;
    const float minimum = scheme_.minimums ? minimums_.values[factor] * unit_ : -zero * scale;
    // Floats inside a group, doubles across: fast, and exact enough for a ratio in decibels.
    float signal = 0.0f;
    float error = 0.0f;
    const std::int64_t end = std::min(cols_, (g + 1) * group_size_);
    for (std::int64_t k = g * group_size_; k < end; ++k) {
      const float code = codes_[static_cast<std::size_t>(k * kLanes + lane)];
      const float d = row[k] - (scale * code + minimum);
      signal += row[k] * row[k];
      error += d * d;
    }
    e.signal += static_cast<double>(signal);
    e.error += static_cast<double>(error);
  }
  return e;
}

}  // namespace lathe
