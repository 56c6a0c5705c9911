// Round-to-nearest quantization into packed matrices.
#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/float16.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

// The ideal scale and minimum of some weights, before they are rounded themselves.
struct Ideal {
  float scale = 0.0f;
  float minimum = 0.0f;
};

int largest_of(std::span<const std::int8_t, 16> grid) noexcept {
  int largest = 1;
  for (const std::int8_t g : grid) largest = std::max(largest, std::abs(static_cast<int>(g)));
  return largest;
}

Ideal ideal_of(const PackedScheme& s, int grid_largest, const float* w, std::int64_t n) noexcept {
  const auto [low, high] = std::minmax_element(w, w + n);
  if (s.minimums) {
    const float bottom = std::min(*low, 0.0f);
    return {(std::max(*high, 0.0f) - bottom) / static_cast<float>((1 << s.bits) - 1), bottom};
  }
  // The value of largest magnitude becomes the lowest code, which reaches one step further.
  const float extreme = -*low > *high ? *low : *high;
  if (s.grid) return {std::abs(extreme) / static_cast<float>(grid_largest), 0.0f};
  if (s.bits == 4) return {extreme / -8.0f, 0.0f};
  return {std::abs(extreme) / 127.0f, 0.0f};
}

std::uint8_t code_of(const PackedScheme& s, std::span<const std::int8_t, 16> grid, float w,
                     float scale, float minimum) noexcept {
  if (scale == 0.0f) {
    if (!s.grid) return static_cast<std::uint8_t>(s.minimums ? 0 : s.bits == 4 ? 8 : 128);
  }
  const float x = scale == 0.0f ? 0.0f : (w - minimum) / scale;
  if (s.grid) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < grid.size(); ++i) {
      const auto distance = [&](std::size_t j) {
        return std::abs(x - static_cast<float>(grid[j]));
      };
      if (distance(i) < distance(best)) best = i;
    }
    return static_cast<std::uint8_t>(best);
  }
  const float offset = s.minimums ? 0.0f : s.bits == 4 ? 8.0f : 128.0f;
  const auto top = static_cast<float>((1 << s.bits) - 1);
  return static_cast<std::uint8_t>(std::clamp(std::nearbyint(x + offset), 0.0f, top));
}

}  // namespace

void pack_nearest(const PackedScheme& s, const float* w, std::int64_t rows, std::int64_t cols,
                  std::span<const std::int8_t, 16> grid, std::span<std::byte> out) {
  const int grid_largest = largest_of(grid);
  const std::int64_t group = s.group == 0 ? cols : s.group;
  float largest = 0.0f;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t first = 0; first < cols; first += group) {
      const Ideal ideal =
          ideal_of(s, grid_largest, w + r * cols + first, std::min(group, cols - first));
      largest = std::max({largest, std::abs(ideal.scale), std::abs(ideal.minimum)});
    }
  }
  // The largest scale near 2^10: then those 2^24 times smaller are still full halves.
  int exponent = 0;
  if (largest > 0.0f) std::frexp(largest, &exponent);
  const int unit_exponent = std::clamp(largest > 0.0f ? exponent - 10 : 0, -100, 100);
  const float unit = std::ldexp(1.0f, unit_exponent);

  std::fill(out.begin(), out.end(), std::byte{0});
  PackedWriter writer(s, rows, cols, unit_exponent, grid, out);
  const auto groups = static_cast<std::size_t>(writer.view().groups);
  const auto supers = static_cast<std::size_t>(writer.view().super_groups);
  const bool two_level = supers > 0;
  std::vector<std::uint8_t> q(static_cast<std::size_t>(cols));
  std::vector<Ideal> ideals(groups);
  std::vector<std::uint16_t> half[2] = {std::vector<std::uint16_t>(groups),
                                        std::vector<std::uint16_t>(groups)};
  std::vector<std::int8_t> byte[2] = {std::vector<std::int8_t>(groups),
                                      std::vector<std::int8_t>(groups)};
  std::vector<std::uint16_t> super[2] = {std::vector<std::uint16_t>(supers),
                                         std::vector<std::uint16_t>(supers)};
  const auto field = [](Ideal* ideal, int which) -> float& {
    return which == 0 ? ideal->scale : ideal->minimum;
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = w + r * cols;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::int64_t first = static_cast<std::int64_t>(g) * group;
      ideals[g] = ideal_of(s, grid_largest, row + first, std::min(group, cols - first));
    }
    // Round scales (0) and minimums (1) to what can be stored.
    for (int which = 0; which < (s.minimums ? 2 : 1); ++which) {
      for (std::size_t u = 0; u < supers; ++u) {
        const std::size_t per = static_cast<std::size_t>(kPackedSuperGroup / group);
        const std::size_t end = std::min(groups, (u + 1) * per);
        float extreme = 0.0f;
        for (std::size_t g = u * per; g < end; ++g) {
          extreme = std::max(extreme, std::abs(field(&ideals[g], which)));
        }
        super[which][u] = f32_to_f16(extreme / unit / 127.0f);
      }
      for (std::size_t g = 0; g < groups; ++g) {
        float& value = field(&ideals[g], which);
        if (two_level) {
          const float step =
              f16_to_f32(super[which][g * static_cast<std::size_t>(group) / kPackedSuperGroup]);
          const float code = step == 0.0f ? 0.0f : std::nearbyint(value / unit / step);
          byte[which][g] = static_cast<std::int8_t>(std::clamp(code, -127.0f, 127.0f));
          value = static_cast<float>(byte[which][g]) * step * unit;
        } else {
          half[which][g] = f32_to_f16(value / unit);
          value = f16_to_f32(half[which][g]) * unit;
        }
      }
    }
    for (std::int64_t k = 0; k < cols; ++k) {
      const Ideal& ideal = ideals[static_cast<std::size_t>(k / group)];
      q[static_cast<std::size_t>(k)] = code_of(s, grid, row[k], ideal.scale, ideal.minimum);
    }
    PackedRow packed;
    packed.q = q;
    if (two_level) {
      packed.byte_scales = byte[0];
      packed.super_scales = super[0];
      if (s.minimums) {
        packed.byte_minimums = byte[1];
        packed.super_minimums = super[1];
      }
    } else {
      packed.half_scales = half[0];
      if (s.minimums) packed.half_minimums = half[1];
    }
    writer.set_row(r, packed);
  }
}

}  // namespace lathe
