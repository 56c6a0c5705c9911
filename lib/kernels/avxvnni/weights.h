// Products of eight rows and four inputs each by one vpdpbusd, in the forms that
// x86_256/dots.h asks for (avx2/weights.h has the same names).
//
// The instruction exists twice: with AVX-VNNI's encoding, and in 256 bits with AVX-512's. The same
// source is compiled for both (LATHE_VNNI_ENCODING), so that what the tests of a machine with the
// one prove holds for the other.
#pragma once

#include "kernels/shared/codes.h"
#include "kernels/x86_256/lanes.h"

namespace lathe {
namespace {

constexpr bool kSignedWeights = false;
constexpr std::int64_t kFewTokens = 4;  // more are faster with prepared weights

struct Grid {
  __m256i v;  // the sixteen values twice, with 128 added

  static Grid load(const std::int8_t* p) noexcept {
    const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_broadcastsi128_si256(_mm_xor_si128(values, _mm_set1_epi8(-128)))};
  }
};

// Unsigned bytes. Nothing saturates: the four products are added in 32 bits.
struct ByteWeights {
  static constexpr std::int64_t kQuads = 0;
  static constexpr bool kCorrected = false;
  __m256i bytes;

  void add_product(__m256i* sums, __m256i x) const noexcept {
    __asm__("%{" LATHE_VNNI_ENCODING "%} vpdpbusd %2, %1, %0" : "+x"(*sums) : "x"(bytes), "x"(x));
  }
  static __m256i start(__m256i before) noexcept { return before; }
  static __m256i whole(__m256i sums, __m256i) noexcept { return sums; }

  static constexpr int kBytes = 32;
  static ByteWeights load(const std::uint8_t* p) noexcept { return {load32(p)}; }
  void store(std::uint8_t* p) const noexcept { store32(p, bytes); }
};

template <typename C>
inline ByteWeights direct_weights(const Grid& grid, __m256i codes) noexcept {
  if constexpr (C::kGrid) return {_mm256_shuffle_epi8(grid.v, codes)};
  return {codes};
}

template <typename C>
inline ByteWeights prepared_weights(const Grid& grid, __m256i codes) noexcept {
  return direct_weights<C>(grid, codes);
}

}  // namespace
}  // namespace lathe
