// A line of codes as one AVX-512 register: see generic/lines.h for what each name means.
#pragma once

#include <cstdint>
#include <immintrin.h>

namespace lathe {
namespace {

struct Line {
  __m512i v;

  static Line load(const std::uint8_t* p) noexcept { return {_mm512_loadu_si512(p)}; }
  template <int kBits>
  Line moved() const noexcept {
    if constexpr (kBits > 0) return {_mm512_srli_epi16(v, kBits)};
    if constexpr (kBits < 0) return {_mm512_slli_epi16(v, -kBits)};
    return *this;
  }
  Line masked(unsigned mask) const noexcept {
    return {_mm512_and_si512(v, _mm512_set1_epi8(static_cast<char>(mask)))};
  }
};

inline Line either(Line a, Line b) noexcept { return {_mm512_or_si512(a.v, b.v)}; }

}  // namespace
}  // namespace lathe
