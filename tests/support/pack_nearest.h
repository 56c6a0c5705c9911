// Round-to-nearest quantization into packed matrices, with the plainest scales: extreme value to
// extreme code. For tests, and as the yardstick of better quantizers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/float16.h"
#include "tensor/packed_layout.h"

namespace lathe::test {

// Scales (0) or minimums (1) of a tile as a scheme stores them.
struct NearestSection {
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> bytes;
  std::vector<std::uint16_t> supers;

  PackedTile::Section view() const {
    const auto pointer = [](const auto& v) { return v.empty() ? nullptr : v.data(); };
    return {pointer(halves), pointer(bytes), pointer(supers)};
  }
};

class NearestPacker {
 public:
  // w: rows × cols, finite. `out` is zero.
  NearestPacker(const PackedScheme& scheme, const float* w, std::int64_t rows, std::int64_t cols,
                std::span<const std::int8_t, 16> grid, std::span<std::byte> out)
      : s_(scheme),
        w_(w),
        rows_(rows),
        cols_(cols),
        group_(scheme.group == 0 ? cols : scheme.group),
        grid_(grid),
        unit_exponent_(find_unit_exponent()),
        unit_(std::ldexp(1.0f, unit_exponent_)),
        writer_(scheme, rows, cols, unit_exponent_, grid, out) {}

  void pack() {
    for (std::int64_t tile = 0; tile < writer_.view().tiles; ++tile) {
      const std::int64_t count = std::min<std::int64_t>(16, rows_ - tile * 16);
      begin_tile();
      for (std::int64_t r = 0; r < count; ++r) pack_row(w_ + (tile * 16 + r) * cols_, r);
      PackedTile packed;
      packed.row_codes = codes_.data();
      packed.scales = sections_[0].view();
      if (s_.minimums) packed.minimums = sections_[1].view();
      writer_.set_tile(tile, packed);
    }
  }

 private:
  // The ideal scale and minimum of some weights, before they are rounded themselves.
  struct Ideal {
    float part[2] = {0.0f, 0.0f};
  };

  // As many values as codes can say.
  std::span<const std::int8_t> grid() const {
    return grid_.first(static_cast<std::size_t>(grid_values(s_.bits)));
  }
  int grid_reach() const {
    int reach = 1;
    for (const std::int8_t g : grid()) reach = std::max(reach, std::abs(static_cast<int>(g)));
    return reach;
  }

  Ideal ideal_of(const float* w, std::int64_t n) const {
    const auto [low, high] = std::minmax_element(w, w + n);
    if (s_.minimums) {
      const float bottom = std::min(*low, 0.0f);
      return {{(std::max(*high, 0.0f) - bottom) / static_cast<float>(top_code(s_)), bottom}};
    }
    // The value of largest magnitude becomes the lowest code, which reaches one step further.
    const float extreme = -*low > *high ? *low : *high;
    if (s_.grid) return {{std::abs(extreme) / static_cast<float>(grid_reach()), 0.0f}};
    if (s_.bits == 8) return {{std::abs(extreme) / 127.0f, 0.0f}};
    return {{extreme / static_cast<float>(-zero_code(s_)), 0.0f}};
  }

  // The largest scale near 2^10: then those 2^24 times smaller are still full halves.
  int find_unit_exponent() const {
    float largest = 0.0f;
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t first = 0; first < cols_; first += group_) {
        const Ideal ideal = ideal_of(w_ + r * cols_ + first, std::min(group_, cols_ - first));
        for (const float part : ideal.part) largest = std::max(largest, std::abs(part));
      }
    }
    if (largest == 0.0f) return 0;
    int exponent = 0;
    std::frexp(largest, &exponent);
    return std::clamp(exponent - 10, -100, 100);
  }

  std::uint8_t code_of(float w, const Ideal& ideal) const {
    const float scale = ideal.part[0];
    const float x = scale == 0.0f ? 0.0f : (w - ideal.part[1]) / scale;
    if (s_.grid) {
      const auto distance = [&](std::int8_t g) { return std::abs(x - static_cast<float>(g)); };
      const auto values = grid();
      const auto best = std::min_element(values.begin(), values.end(),
                                         [&](auto a, auto b) { return distance(a) < distance(b); });
      return static_cast<std::uint8_t>(best - values.begin());
    }
    const float code = std::nearbyint(x + static_cast<float>(zero_code(s_)));
    return static_cast<std::uint8_t>(std::clamp(code, 0.0f, static_cast<float>(top_code(s_))));
  }

  void begin_tile() {
    const auto lanes = [](std::int64_t n) { return static_cast<std::size_t>(16 * n); };
    codes_.assign(lanes(cols_), 0);
    const FactorType types[] = {scale_values(s_), minimum_values(s_)};
    for (int which = 0; which < 2; ++which) {
      NearestSection& section = sections_[which];
      const bool half = types[which] == FactorType::kHalf;
      section.halves.assign(half ? lanes(writer_.view().groups) : 0, 0);
      section.bytes.assign(half ? 0 : lanes(writer_.view().groups), 0);
      section.supers.assign(lanes(writer_.view().super_groups), 0);
    }
  }

  void pack_row(const float* row, std::int64_t r) {
    std::vector<Ideal> ideals;
    for (std::int64_t first = 0; first < cols_; first += group_) {
      ideals.push_back(ideal_of(row + first, std::min(group_, cols_ - first)));
    }
    for (int which = 0; which < (s_.minimums ? 2 : 1); ++which) round(ideals, which, r);
    for (std::int64_t k = 0; k < cols_; ++k) {
      codes_[static_cast<std::size_t>(r * cols_ + k)] =
          code_of(row[k], ideals[static_cast<std::size_t>(k / group_)]);
    }
  }

  // Rounds scales (0) or minimums (1) to what can be stored, and stores them.
  void round(std::vector<Ideal>& ideals, int which, std::int64_t r) {
    NearestSection& to = sections_[which];
    const auto at = [r](std::size_t i) { return 16 * i + static_cast<std::size_t>(r); };
    const std::size_t per = s_.form == ScaleForm::kTwoLevel
                                ? static_cast<std::size_t>(kPackedSuperGroup / group_)
                                : ideals.size();
    if (which == 1 && s_.form == ScaleForm::kZeroPoint) return round_zeros(ideals, r);
    for (std::size_t first = 0; first < ideals.size(); first += per) {
      const std::size_t end = std::min(ideals.size(), first + per);
      float extreme = 0.0f;
      for (std::size_t g = first; g < end; ++g) {
        extreme = std::max(extreme, std::abs(ideals[g].part[which]));
      }
      const std::uint16_t super = f32_to_f16(extreme / unit_ / 127.0f);
      const float step = f16_to_f32(super);
      if (s_.form == ScaleForm::kTwoLevel) to.supers[at(first / per)] = super;
      for (std::size_t g = first; g < end; ++g) {
        float& value = ideals[g].part[which];
        if (s_.form == ScaleForm::kTwoLevel) {
          const float code = step == 0.0f ? 0.0f : std::nearbyint(value / unit_ / step);
          to.bytes[at(g)] = static_cast<std::int8_t>(std::clamp(code, -127.0f, 127.0f));
          value = static_cast<float>(to.bytes[at(g)]) * step * unit_;
        } else if (s_.form == ScaleForm::kExponent) {
          const float e = std::nearbyint(std::log2(std::abs(value) / unit_)) + 127.0f;
          const auto byte = static_cast<std::uint8_t>(std::clamp(e, 0.0f, 254.0f));
          to.bytes[at(g)] = static_cast<std::int8_t>(byte);
          value = f32_of_exponent(byte) * unit_;
        } else {
          to.halves[at(g)] = f32_to_f16(value / unit_);
          value = f16_to_f32(to.halves[at(g)]) * unit_;
        }
      }
    }
  }

  // The whole number of scales that is next to a minimum, which is never above zero.
  void round_zeros(std::vector<Ideal>& ideals, std::int64_t r) {
    for (std::size_t g = 0; g < ideals.size(); ++g) {
      const float scale = ideals[g].part[0];
      float& minimum = ideals[g].part[1];
      const float steps = scale == 0.0f ? 0.0f : std::nearbyint(-minimum / scale);
      const auto zero = static_cast<std::uint8_t>(std::clamp(steps, 0.0f, 255.0f));
      sections_[1].bytes[16 * g + static_cast<std::size_t>(r)] = static_cast<std::int8_t>(zero);
      minimum = -static_cast<float>(zero) * scale;
    }
  }

  PackedScheme s_;
  const float* w_;
  std::int64_t rows_, cols_, group_;
  std::span<const std::int8_t, 16> grid_;
  int unit_exponent_;
  float unit_;
  PackedWriter writer_;
  std::vector<std::uint8_t> codes_;  // [16][cols]
  NearestSection sections_[2];
};

inline void pack_nearest(const PackedScheme& scheme, const float* w, std::int64_t rows,
                         std::int64_t cols, std::span<const std::int8_t, 16> grid,
                         std::span<std::byte> out) {
  NearestPacker(scheme, w, rows, cols, grid, out).pack();
}

}  // namespace lathe::test
