// Arithmetic on numbers that came from a file: every product, sum and narrowing is checked.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

namespace lathe {

template <std::integral T>
std::optional<T> checked_mul(T a, T b) noexcept {
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::integral T>
std::optional<T> checked_add(T a, T b) noexcept {
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

// a rounded up to a multiple of `alignment` (> 0), nothing when that wraps.
template <std::unsigned_integral T>
std::optional<T> checked_align(T a, T alignment) noexcept {
  const T rest = a % alignment;
  return rest == 0 ? std::optional<T>(a) : checked_add<T>(a, alignment - rest);
}

template <std::integral To, std::integral From>
std::optional<To> checked_cast(From value) noexcept {
  if (!std::in_range<To>(value)) return std::nullopt;
  return static_cast<To>(value);
}

}  // namespace lathe
