// Numbers taken apart into planes of bytes that resemble each other, and put together again.
//
//   f16    the high byte (sign, exponent, two bits of the mantissa) and the low one
//   bf16   the exponent; the mantissa with the sign as its lowest bit
//   f32    the exponent; three bytes of the mantissa, the last with the sign
//   bytes  one plane, as they are
//
// Exponents of trained weights take some 2.6 bits each; bits of mantissas are as good as random,
// and stay as they are (Zhang et al. 2025, DFloat11; Hershcovitch et al. 2024, ZipNN).
//
// Against a base, number by number: the difference of their places among all floats in order (of
// bytes: exclusive or), with the sign turned into the lowest bit, so that small changes are small
// numbers. Exact for every pattern of bits, NaN too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lathe/dtype.h"

namespace lathe::archive {

enum class Elements : std::uint8_t { kBytes, kF16, kBF16, kF32 };

inline constexpr std::size_t kMostPlanes = 4;

// Bytes of one, and so the number of planes.
std::size_t element_bytes(Elements elements) noexcept;
std::string_view elements_name(Elements elements) noexcept;
std::optional<Elements> elements_by_name(std::string_view name) noexcept;
// What numbers of the type are taken apart as.
Elements elements_of(DType type) noexcept;

// `planes` has room for plain.size() bytes: plane after plane, each of plain.size() /
// element_bytes. `base` is empty, or as long as `plain`.
void split_planes(Elements elements, std::span<const std::byte> plain,
                  std::span<const std::byte> base, std::span<std::byte> planes) noexcept;

// The planes may lie apart; each has out.size() / element_bytes. `base` as above.
void join_planes(Elements elements, std::span<const std::byte* const> planes,
                 std::span<const std::byte> base, std::span<std::byte> out) noexcept;

}  // namespace lathe::archive
