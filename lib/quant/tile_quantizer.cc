#include "quant/tile_quantizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"
#include "kernels/conversion_kernels.h"
#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/group_weights.h"
#include "tensor/float16.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

constexpr std::int64_t kLanes = 16;

// How often scales and codes are looked at again.
constexpr int kRounds = 2;

std::size_t lanes(std::int64_t n) { return static_cast<std::size_t>(n * kLanes); }

}  // namespace

TileQuantizer::TileQuantizer(const PackedScheme& scheme, std::int64_t cols, float unit,
                             std::span<const float> importance, const Grid& grid,
                             const ErrorFeedback* feedback)
    : scheme_(scheme),
      cols_(cols),
      group_size_(scheme.group == 0 ? cols : scheme.group),
      groups_((cols + group_size_ - 1) / group_size_),
      super_groups_(scheme.form == ScaleForm::kTwoLevel
                        ? (cols + kPackedSuperGroup - 1) / kPackedSuperGroup
                        : 0),
      top_code_(top_code(scheme)),
      unit_(unit),
      importance_(group_weights(importance, cols, group_size_)),
      codes_(lanes(cols)) {
  if (feedback != nullptr) {
    feedback_.emplace(*feedback);
    lost_.resize(codes_.size());
    if (feedback->products() != nullptr) descent_.emplace(*feedback);
  }
  // Behind the last value nothing is next to anything.
  const auto values = static_cast<std::size_t>(scheme.grid ? grid_values(scheme.bits) : 16);
  for (std::size_t i = 0; i < grid.size(); ++i) grid_[i] = grid[std::min(i, values - 1)];
  for (std::size_t i = 0; i + 1 < grid.size(); ++i) {
    borders_[i] =
        i + 1 < values ? 0.5f * (grid_[i] + grid_[i + 1]) : std::numeric_limits<float>::infinity();
  }
  for (Factors* f : {&scales_, &minimums_}) {
    f->values.resize(lanes(groups_));
    f->halves.resize(lanes(groups_));
    f->bytes.resize(lanes(groups_));
    f->supers.resize(lanes(super_groups_));
  }
}

void TileQuantizer::quantize(const float* rows, std::int64_t count, std::int64_t tile,
                             PackedWriter& out, RowError* errors) {
  // Rows that a last tile lacks are zeros; 1 / unit is a power of two, so nothing is rounded.
  kernels().search.transpose_tile(rows, cols_, count, cols_, 1.0f / unit_, codes_.data());
  for (RowError& e : errors_) e = {};
  for (std::int64_t g = 0; g < groups_; ++g) search(g);
  round_factors(scales_, tile);
  if (scheme_.minimums) round_factors(minimums_, tile);
  if (feedback_) {
    weights_ = codes_;
    feedback_->run(weights_.data(), [this](std::int64_t k, const float* wanted, float* lost) {
      encode_input(k, wanted, lost);
      std::copy_n(lost, kLanes, lost_.data() + k * kLanes);
    });
    if (descent_) improve();
    for (std::int64_t k = 0; k < cols_ * kLanes; ++k) {
      const auto at = static_cast<std::size_t>(k);
      errors_[k % kLanes].add(weights_[at], lost_[at]);
    }
  } else {
    for (std::int64_t g = 0; g < groups_; ++g) encode(g);
  }

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
  const double square = static_cast<double>(unit_) * static_cast<double>(unit_);
  for (std::int64_t r = 0; r < count; ++r) {
    errors[r] = {errors_[r].signal * square, errors_[r].error * square};
  }
}

void TileQuantizer::search(std::int64_t g) {
  const std::int64_t first = g * group_size_;
  const std::int64_t n = std::min(group_size_, cols_ - first);
  const float* values = codes_.data() + first * kLanes;
  const float* importance = importance_.data() + first;
  float* scales = scales_.values.data() + g * kLanes;
  if (scheme_.grid) {
    kernels().search.find_grid_scales(values, importance, n, top_code_, grid_, borders_, scales);
  } else if (scheme_.minimums) {
    kernels().search.find_lines(values, importance, n, top_code_, scales,
                                minimums_.values.data() + g * kLanes);
  } else {
    kernels().search.find_scales(values, importance, n, top_code_, scales);
  }
}

void TileQuantizer::encode(std::int64_t g) {
  const std::int64_t first = g * group_size_;
  const std::int64_t n = std::min(group_size_, cols_ - first);
  const float* scales = scales_.values.data() + g * kLanes;
  float* values = codes_.data() + first * kLanes;
  float signal[kLanes];
  float error[kLanes];
  if (scheme_.grid) {
    kernels().search.encode_grid(values, n, grid_, borders_, scales, signal, error);
  } else {
    float minimums[kLanes];
    const auto zero = static_cast<float>(zero_code(scheme_));
    for (std::int64_t r = 0; r < kLanes; ++r) {
      minimums[r] = scheme_.minimums ? minimums_.values[lanes(g) + static_cast<std::size_t>(r)]
                                     : -zero * scales[r];
    }
    kernels().search.encode(values, n, top_code_, scales, minimums, signal, error);
  }
  for (std::int64_t r = 0; r < kLanes; ++r) {
    errors_[r].signal += static_cast<double>(signal[r]);
    errors_[r].error += static_cast<double>(error[r]);
  }
}

void TileQuantizer::encode_input(std::int64_t k, const float* wanted, float* lost) {
  float* codes = codes_.data() + k * kLanes;
  const float* weights = weights_.data() + k * kLanes;
  const float* scales = scales_.values.data() + k / group_size_ * kLanes;
  float minimums[kLanes];
  const auto zero = static_cast<float>(zero_code(scheme_));
  for (std::int64_t r = 0; r < kLanes; ++r) {
    minimums[r] = scheme_.grid ? 0.0f
                  : scheme_.minimums
                      ? minimums_.values[lanes(k / group_size_) + static_cast<std::size_t>(r)]
                      : -zero * scales[r];
  }
  float ignored[2][kLanes];
  std::copy_n(wanted, kLanes, codes);
  if (scheme_.grid) {
    kernels().search.encode_grid(codes, 1, grid_, borders_, scales, ignored[0], ignored[1]);
  } else {
    kernels().search.encode(codes, 1, top_code_, scales, minimums, ignored[0], ignored[1]);
  }
  for (std::int64_t r = 0; r < kLanes; ++r) {
    const float value = scheme_.grid ? grid_[static_cast<std::size_t>(codes[r])] : codes[r];
    lost[r] = weights[r] - (scales[r] * value + minimums[r]);
  }
}

void TileQuantizer::values_of(std::int64_t k, float* values) const noexcept {
  const float* codes = codes_.data() + k * kLanes;
  const auto zero = static_cast<float>(zero_code(scheme_));
  for (std::int64_t r = 0; r < kLanes; ++r) {
    values[r] = scheme_.grid ? grid_[static_cast<std::size_t>(codes[r])] : codes[r] - zero;
  }
}

void TileQuantizer::improve() {
  descent_->start(lost_.data());
  // A scale for a whole row is nearly always right, and minimums go with their scales.
  const bool scales = scheme_.group != 0 && !scheme_.minimums;
  for (int round = 0; round < kRounds; ++round) {
    for (std::int64_t g = 0; g < groups_ && scales; ++g) improve_scales(g);
    for (std::int64_t k = 0; k < cols_; ++k) improve_codes(k);
  }
}

void TileQuantizer::improve_scales(std::int64_t g) {
  const std::int64_t first = g * group_size_;
  const std::int64_t n = std::min(group_size_, cols_ - first);
  group_values_.resize(lanes(n));
  for (std::int64_t k = 0; k < n; ++k) values_of(first + k, group_values_.data() + k * kLanes);
  Descent::ScaleSlope slope;
  descent_->weigh(first, n, group_values_.data(), &slope);
  float by[kLanes] = {};
  bool any = false;
  for (std::int64_t r = 0; r < kLanes; ++r) {
    if (!(slope.cost[r] > 0.0f)) continue;
    const auto at = lanes(g) + static_cast<std::size_t>(r);
    const float scale = scales_.values[at];
    const HeldScale held = held_scale(g, r, scale + slope.gain[r] / slope.cost[r]);
    const float grown = held.value - scale;
    if (grown == 0.0f || !std::isfinite(grown)) continue;
    // What the file can hold next to the best is not always better than what was.
    if (!(2.0f * slope.gain[r] * grown > grown * grown * slope.cost[r])) continue;
    by[r] = grown;
    any = true;
    scales_.values[at] = held.value;
    scales_.halves[at] = held.half;
    scales_.bytes[at] = held.byte;
  }
  if (!any) return;
  descent_->move_scales(first, n, group_values_.data(), by);
  for (std::int64_t k = 0; k < n * kLanes; ++k) {
    lost_[lanes(first) + static_cast<std::size_t>(k)] -=
        by[k % kLanes] * group_values_[static_cast<std::size_t>(k)];
  }
}

void TileQuantizer::improve_codes(std::int64_t k) {
  const float power = descent_->power(k);
  if (!(power > 0.0f)) return;
  float* now = lost_.data() + k * kLanes;
  float wanted[kLanes];
  descent_->pull(k, wanted);
  for (std::int64_t r = 0; r < kLanes; ++r) {
    wanted[r] = weights_[lanes(k) + static_cast<std::size_t>(r)] - now[r] + wanted[r] / power;
  }
  float lost[kLanes];
  encode_input(k, wanted, lost);
  float by[kLanes];
  bool any = false;
  for (std::int64_t r = 0; r < kLanes; ++r) {
    by[r] = now[r] - lost[r];
    any = any || by[r] != 0.0f;
  }
  if (!any) return;
  descent_->move(k, by);
  std::copy_n(lost, kLanes, now);
}

TileQuantizer::HeldScale TileQuantizer::held_scale(std::int64_t g, std::int64_t r,
                                                   float wanted) const noexcept {
  if (scheme_.form != ScaleForm::kTwoLevel) {
    const std::uint16_t half = f32_to_f16(wanted);
    return {f16_to_f32(half), half, 0};
  }
  const std::int64_t super = g * group_size_ / kPackedSuperGroup;
  const float step = f16_to_f32(scales_.supers[lanes(super) + static_cast<std::size_t>(r)]);
  const float steps = step == 0.0f ? 0.0f : std::nearbyint(wanted / step);
  const auto byte = static_cast<std::int8_t>(std::clamp(steps, -127.0f, 127.0f));
  return {static_cast<float>(byte) * step, 0, byte};
}

void TileQuantizer::round_factors(Factors& f, std::int64_t tile) const {
  if (scheme_.form == ScaleForm::kTwoLevel) {
    round_two_level(f);
  } else {
    kernels().convert.f32_to_f16(f.values.data(), groups_ * kLanes, f.halves.data());
    kernels().convert.f16_to_f32(f.halves.data(), groups_ * kLanes, f.values.data());
  }
  if (all_finite_f16(f.halves) && all_finite_f16(f.supers)) return;
  fail_invalid("rows {} to {} need a scale that is beyond what {} can hold: weights are too large",
               tile * kLanes, tile * kLanes + kLanes - 1, packed_scheme_name(scheme_));
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

}  // namespace lathe
