// Half a line of codes, eight rows of four inputs: see generic/lines.h for what each name means.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

struct Line {
  __m256i v;

  static Line load(const std::uint8_t* p) noexcept {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  template <int kBits>
  Line moved() const noexcept {
    if constexpr (kBits > 0) return {_mm256_srli_epi16(v, kBits)};
    if constexpr (kBits < 0) return {_mm256_slli_epi16(v, -kBits)};
    return *this;
  }
  Line masked(unsigned mask) const noexcept {
    return {_mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(mask)))};
  }
};

inline Line either(Line a, Line b) noexcept { return {_mm256_or_si256(a.v, b.v)}; }

}  // namespace
}  // namespace lathe
