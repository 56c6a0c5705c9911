// Products of eight rows and four inputs each without a dot-product instruction, in the forms that
// x86_256/dots.h asks for (avxvnni/weights.h has the same names).
//
// vpmaddubsw adds two products of an unsigned and a signed byte in 16 bits, and saturates.
// - Codes up to 15: two products are at most 2·15·127 = 3810, and eight such sums still fit, so
//   they are added in 16 bits and widened once for eight quads; likewise for other small codes.
// - Codes up to 255 would not fit once (2·255·127 = 64770). As signed numbers they do: |w| <= 128
//   times an input that takes over the sign, 2·128·128 = 32768, which only a negative sum reaches.
//   These sums are widened at once, so three instructions follow each vpsignb.
// vpsignb shares its units with the multiplications (on Zen 4 and from Skylake on), vpxor does
// not: prepared weights bring a mask that turns x into -x - 1, and the sum of the |w| of all
// negative weights, which the ones make up for. Together 1.25 cycles instead of 1.6 (Zen 4).
#pragma once

#include "kernels/shared/codes.h"
#include "kernels/x86_256/lanes.h"

namespace lathe {
namespace {

constexpr bool kSignedWeights = true;

// To prepare weights takes as long as the products of three tokens, and only the fourth of eight
// gains by it: up to this many tokens are multiplied with weights as they come (measured on Zen 3,
// processor time for 8 tokens .77, for 16 .87 of that with prepared ones).
constexpr std::int64_t kFewTokens = 16;

struct Grid {
  __m256i value;      // the sixteen values twice
  __m256i magnitude;  // as unsigned bytes
  __m256i negative;   // all ones for those below zero

  static Grid load(const std::int8_t* p) noexcept {
    const __m256i values =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {values, _mm256_abs_epi8(values), _mm256_cmpgt_epi8(_mm256_setzero_si256(), values)};
  }
};

// Pairs of 16-bit sums to 32 bits.
inline __m256i widen_sums(__m256i sums) noexcept {
  return _mm256_madd_epi16(sums, _mm256_set1_epi16(1));
}
inline __m256i as_signed(__m256i codes) noexcept {
  return _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
}

// By hand, because GCC adds the products of several calls first, for which it has too few
// registers, or copies the sums back and forth.
inline void add16(__m256i* sums, __m256i products) noexcept {
  __asm__("vpaddw %1, %0, %0" : "+x"(*sums) : "x"(products));
}
inline void add32(__m256i* sums, __m256i products) noexcept {
  __asm__("vpaddd %1, %0, %0" : "+x"(*sums) : "x"(products));
}

// Codes as they are, below 128.
template <int kTop>
struct SmallWeights {
  // Quads that fit the sums of 16 bits; 0: any number fits.
  static constexpr std::int64_t kQuads = 32767 / (2 * 127 * kTop);
  static constexpr bool kCorrected = false;
  __m256i codes;

  void add_product(__m256i* sums, __m256i x) const noexcept {
    add16(sums, _mm256_maddubs_epi16(codes, x));
  }
  static __m256i start(__m256i) noexcept { return _mm256_setzero_si256(); }
  static __m256i whole(__m256i sums, __m256i before) noexcept {
    return _mm256_add_epi32(before, widen_sums(sums));
  }

  static constexpr int kBytes = 32;
  static SmallWeights load(const std::uint8_t* p) noexcept { return {load32(p)}; }
  void store(std::uint8_t* p) const noexcept { store32(p, codes); }
};

// Signed bytes, for few tokens.
struct SignedWeights {
  static constexpr std::int64_t kQuads = 0;
  __m256i value;
  __m256i magnitude;

  void add_product(__m256i* sums, __m256i x) const noexcept {
    add32(sums, widen_sums(_mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, value))));
  }
  static __m256i start(__m256i before) noexcept { return before; }
  static __m256i whole(__m256i sums, __m256i) noexcept { return sums; }
};

// Signed bytes, prepared.
struct MaskedWeights {
  static constexpr std::int64_t kQuads = 0;
  static constexpr bool kCorrected = true;
  __m256i magnitude;
  __m256i negative;

  void add_product(__m256i* sums, __m256i x) const noexcept {
    add32(sums, widen_sums(_mm256_maddubs_epi16(magnitude, _mm256_xor_si256(x, negative))));
  }
  static __m256i start(__m256i before) noexcept { return before; }
  static __m256i whole(__m256i sums, __m256i) noexcept { return sums; }

  static constexpr int kBytes = 64;
  static MaskedWeights load(const std::uint8_t* p) noexcept { return {load32(p), load32(p + 32)}; }
  void store(std::uint8_t* p) const noexcept {
    store32(p, magnitude);
    store32(p + 32, negative);
  }
  // What these lack for each token.
  __m256i correction() const noexcept {
    const __m256i lost = _mm256_and_si256(magnitude, negative);
    return widen_sums(_mm256_maddubs_epi16(lost, _mm256_set1_epi8(1)));
  }
};

template <typename C>
inline auto direct_weights(const Grid& grid, __m256i codes) noexcept {
  if constexpr (!C::kGrid && C::kBits < 8) {
    return SmallWeights<C::kTop>{codes};
  } else if constexpr (C::kGrid) {
    return SignedWeights{_mm256_shuffle_epi8(grid.value, codes),
                         _mm256_shuffle_epi8(grid.magnitude, codes)};
  } else {
    const __m256i value = as_signed(codes);
    return SignedWeights{value, _mm256_abs_epi8(value)};
  }
}

template <typename C>
inline auto prepared_weights(const Grid& grid, __m256i codes) noexcept {
  if constexpr (!C::kGrid && C::kBits < 8) {
    return SmallWeights<C::kTop>{codes};
  } else if constexpr (C::kGrid) {
    return MaskedWeights{_mm256_shuffle_epi8(grid.magnitude, codes),
                         _mm256_shuffle_epi8(grid.negative, codes)};
  } else {
    const __m256i value = as_signed(codes);
    return MaskedWeights{_mm256_abs_epi8(value), _mm256_cmpgt_epi8(_mm256_setzero_si256(), value)};
  }
}

}  // namespace
}  // namespace lathe
