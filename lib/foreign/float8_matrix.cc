#include "foreign/float8_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tensor/float16.h"
#include "tensor/float8.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 16;
constexpr std::int64_t kGroup = 32;
constexpr int kZero = 128;
// A value of a group's largest binade is below 2^7 units.
constexpr int kBinades = 6;

std::array<float, 256> values_of(bool e5m2) {
  std::array<float, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    out[i] = e5m2 ? f8_e5m2_to_f32(byte) : f8_e4m3_to_f32(byte);
  }
  return out;
}

class Float8Matrix final : public ForeignMatrix {
 public:
  explicit Float8Matrix(Float8Parts parts)
      : ForeignMatrix(parts.rows, parts.cols),
        parts_(std::move(parts)),
        group_(std::min(parts_.group, cols())),
        values_(values_of(parts_.e5m2)) {
    if (group_ < cols() && group_ % kGroup != 0) {
      fail_unsupported("{}: the tensor {} has groups of {} inputs, which is no multiple of {}",
                       quoted(parts_.file), quoted(parts_.name), group_, kGroup);
    }
    form_.scheme.bits = 8;
    form_.scheme.group = kGroup;
    form_.exact = false;
    const FactorRange range =
        look_through(parts_.scales, divide_up(cols(), group_), rows(), parts_.file);
    if (range.any_zero) {
      fail_invalid("{}: the tensor {} holds a scale of zero", quoted(parts_.file),
                   quoted(parts_.scales.name));
    }
    const float most = parts_.e5m2 ? 57344.0f : 448.0f;
    form_.unit_exponent = FactorRange::unit_exponent(range.largest * most) - kBinades;
    check_values();
  }

  void read_f32(std::int64_t first, std::int64_t count, float* out) const override {
    for (std::int64_t r = first; r < first + count; ++r) {
      for (std::int64_t k = 0; k < cols(); ++k) {
        *out++ = value(r, k) * parts_.scales.at(k / group_, r);
      }
    }
  }

  void read_packed(std::int64_t first, std::int64_t count, ForeignRows& out) const override {
    const float unit = std::ldexp(1.0f, -form_.unit_exponent);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t g = 0; g < divide_up(cols(), kGroup); ++g) {
        const int step = step_of(first + r, g);
        const float scale = parts_.scales.at(g * kGroup / group_, first + r);
        out.scales[static_cast<std::size_t>(g * kRows + r)] =
            f32_to_f16(std::ldexp(scale * unit, step));
        const float inverse = std::ldexp(1.0f, -step);
        const std::int64_t end = std::min(cols(), (g + 1) * kGroup);
        for (std::int64_t k = g * kGroup; k < end; ++k) {
          const float code = std::nearbyint(value(first + r, k) * inverse) + kZero;
          std::uint32_t& quad = out.quads[static_cast<std::size_t>(k / 4 * kRows + r)];
          quad = (k % 4 == 0 ? 0 : quad) | static_cast<std::uint32_t>(code) << (8 * (k % 4));
        }
      }
    }
  }

 private:
  float value(std::int64_t r, std::int64_t k) const noexcept {
    return values_[static_cast<std::size_t>(
        parts_.values[static_cast<std::size_t>(r * cols() + k)])];
  }

  // Of group g of kGroup: its unit is 2 to this power.
  int step_of(std::int64_t r, std::int64_t g) const noexcept {
    float most = 0.0f;
    for (std::int64_t k = g * kGroup; k < std::min(cols(), (g + 1) * kGroup); ++k) {
      most = std::max(most, std::abs(value(r, k)));
    }
    return most == 0.0f ? 0 : std::ilogb(most) - kBinades;
  }

  void check_values() const {
    std::array<bool, 256> met{};
    for (const std::byte byte : parts_.values) met[static_cast<std::size_t>(byte)] = true;
    for (std::size_t i = 0; i < met.size(); ++i) {
      if (!met[i] || std::isfinite(values_[i])) continue;
      fail_invalid("{}: the tensor {} holds a value that is infinite or not a number",
                   quoted(parts_.file), quoted(parts_.name));
    }
  }

  Float8Parts parts_;
  std::int64_t group_;  // of the file
  std::array<float, 256> values_;
};

}  // namespace

std::shared_ptr<const ForeignMatrix> make_float8(Float8Parts parts) {
  return std::make_shared<Float8Matrix>(std::move(parts));
}

}  // namespace lathe
