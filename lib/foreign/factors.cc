#include "foreign/factors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tensor/float16.h"
#include "tensor/float8.h"

namespace lathe {
namespace {

template <typename T>
T load(const std::byte* bytes, std::int64_t index) noexcept {
  T value;
  std::memcpy(&value, bytes + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

}  // namespace

float Factors::at(std::int64_t group, std::int64_t row) const noexcept {
  const std::int64_t index = group * group_step + row / row_block * row_step;
  const float value = stored(index);
  return (inverse ? 1.0f / value : value) * multiplier;
}

float Factors::stored(std::int64_t index) const noexcept {
  switch (type) {
    case DType::kF16:
      return f16_to_f32(load<std::uint16_t>(bytes.data(), index));
    case DType::kBF16:
      return bf16_to_f32(load<std::uint16_t>(bytes.data(), index));
    case DType::kU8: {
      const auto byte = load<std::uint8_t>(bytes.data(), index);
      return exponents ? f8_e8m0_to_f32(byte) : f8_e4m3_to_f32(byte);
    }
    default:
      return load<float>(bytes.data(), index);
  }
}

void FactorRange::add(float factor) noexcept {
  constexpr std::uint32_t kBelowEleven = 0x1fffu;
  const float magnitude = std::abs(factor);
  const auto bits = std::bit_cast<std::uint32_t>(magnitude);
  short_mantissas = short_mantissas && (bits & kBelowEleven) == 0;
  if (bits == 0) {
    any_zero = true;
    return;
  }
  // By their bits, among which NaN is larger than all.
  if (bits > std::bit_cast<std::uint32_t>(largest)) largest = magnitude;
  if (smallest == 0.0f || bits < std::bit_cast<std::uint32_t>(smallest)) smallest = magnitude;
}

int FactorRange::unit_exponent(float most) noexcept {
  // One below a half's largest exponent, for what rounding adds.
  constexpr int kHalfExponent = 14;
  constexpr int kMostUnit = 100;
  return most == 0.0f ? 0 : std::clamp(std::ilogb(most) - kHalfExponent, -kMostUnit, kMostUnit);
}

bool FactorRange::are_halves(int unit_exponent) const noexcept {
  constexpr int kHalfLeastExponent = -14;  // of its smallest number with all bits
  if (smallest == 0.0f) return true;
  return short_mantissas && std::ilogb(smallest) - unit_exponent >= kHalfLeastExponent;
}

namespace {

// Of all that there are, in the order of their bits, which is that of the magnitudes: a model has
// tens of megabytes of them. Signed, since every processor has the larger of those in one step.
FactorRange range_of_halves(const Factors& factors) noexcept {
  constexpr std::int16_t kMagnitude = 0x7fff;
  std::int16_t most = 0;
  std::int16_t least_less_one = kMagnitude;  // zero becomes the largest of all
  bool zero = false;
  const auto count = static_cast<std::int64_t>(factors.bytes.size() / sizeof(std::uint16_t));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto half = load<std::int16_t>(factors.bytes.data(), i);
    const auto magnitude = static_cast<std::int16_t>(half & kMagnitude);
    most = std::max(most, magnitude);
    least_less_one =
        std::min(least_less_one, static_cast<std::int16_t>((magnitude - 1) & kMagnitude));
    zero |= magnitude == 0;
  }
  const auto as_float = [&](int bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    return (factors.type == DType::kF16 ? f16_to_f32(half) : bf16_to_f32(half)) *
           factors.multiplier;
  };
  FactorRange range;
  range.any_zero = zero;
  if (most != 0) range.add(as_float(least_less_one + 1));
  if (most != 0) range.add(as_float(most));
  return range;
}

}  // namespace

FactorRange look_through(const Factors& factors, std::int64_t groups, std::int64_t rows,
                         const std::string& file) {
  const bool halves = factors.type == DType::kF16 || factors.type == DType::kBF16;
  if (halves && factors.group_step == rows && factors.row_step == 1 && !factors.inverse) {
    FactorRange range = range_of_halves(factors);
    require_finite(range, factors.name, file);
    return range;
  }
  FactorRange range;
  // Those that stand next to each other in the inner loop.
  const bool rows_inside = factors.group_step > 1;
  const std::int64_t lines = factors.row_step == 0 ? 1 : divide_up(rows, factors.row_block);
  const std::int64_t all_groups = factors.group_step == 0 ? 1 : groups;
  const std::int64_t outer = rows_inside ? all_groups : lines;
  const std::int64_t inner = rows_inside ? lines : all_groups;
  for (std::int64_t i = 0; i < outer; ++i) {
    for (std::int64_t j = 0; j < inner; ++j) {
      range.add(rows_inside ? factors.at(i, j * factors.row_block)
                            : factors.at(j, i * factors.row_block));
    }
  }
  require_finite(range, factors.name, file);
  return range;
}

void require_finite(const FactorRange& range, const std::string& name, const std::string& file) {
  if (std::isfinite(range.largest)) return;
  fail_invalid("{}: the tensor {} holds a scale that is infinite or not a number", quoted(file),
               quoted(name));
}

}  // namespace lathe
