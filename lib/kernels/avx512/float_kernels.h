// Products of many rows of inputs with float weights (FloatKernels::multiply), on AVX-512.
//
// A panel of 48 rows of weights is turned, 1024 words of inputs at a time, so that sixteen rows'
// weights for the same inputs are one register: a slab of 192 KB, which stays in the
// second-level cache while all inputs pass. Against it go tiles of eight inputs
// (tensor/input_tiles.h): 3 · 8 sums in registers, and for each step three loads of weights and
// eight broadcast inputs to 24 multiply-adds, so the multipliers are the limit. Slabs that fit
// the first-level cache (128 words) are slower, 89 against 94 per cent of it, because of what
// begins and ends so often. Turning costs two per cent at 256 rows of inputs.
//
// What a word is and how words multiply, a `Format` says:
//   Element            type of the weights in memory
//   kInputs            inputs per word: 1 or 2
//   weights(p, n)      sixteen words from weights at p, n > 0 of whose elements exist
//   inputs(p, n)       the same from floats
//   dot(sum, w, x)     sum += w · x for each of sixteen words
//
// Sums: for each slab in increasing order of inputs, then slab by slab.
#pragma once

#include <cstdint>
#include <immintrin.h>

#include "kernels/avx512/lanes.h"
#include "kernels/avx512/transpose.h"
#include "kernels/float_kernels.h"
#include "tensor/input_tiles.h"

namespace lathe {
namespace {

constexpr int kPanelGroups = 3;  // of sixteen rows
constexpr std::int64_t kSlabWords = 1024;
static_assert(16 * kPanelGroups == kFloatPanelRows);
static_assert(kSlabWords * kFloatPanelRows == kFloatPanelScratch);
constexpr std::int64_t kTileRows = InputTiles::kTileRows;

constexpr std::int64_t least(std::int64_t a, std::int64_t b) noexcept { return a < b ? a : b; }

// One float per word.
template <typename Weights>
struct FloatWords {
  using Element = typename Weights::Element;
  static constexpr std::int64_t kInputs = 1;

  static __m512 weights(const Element* p, std::int64_t n) noexcept {
    return n >= 16 ? Weights::load(p).v : Weights::load(p, n).v;
  }
  static __m512 inputs(const float* p, std::int64_t n) noexcept {
    return n >= 16 ? Lanes::load(p).v : Lanes::load(p, n).v;
  }
  static __m512 dot(__m512 sum, __m512 w, __m512 x) noexcept { return _mm512_fmadd_ps(w, x, sum); }
};

// y (+)= slab · x for one tile of inputs. slab: [words][16 Groups], x: [words][Rows]. Of the
// last group of rows those in `mask` are written.
template <typename Format, int Groups, int Rows>
void multiply_tile(const float* slab, std::int64_t words, const std::uint32_t* x, bool add,
                   __mmask16 mask, float* y, std::int64_t y_stride) noexcept {
  // Rows of y are far apart, and usually no longer in the first-level cache.
  if (add) {
    for (int t = 0; t < Rows; ++t) {
      for (int g = 0; g < Groups; ++g) prefetch(y + t * y_stride + 16 * g);
    }
  }
  __m512 sums[Rows][Groups];
  for (auto& row : sums) {
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  }
  const float* end = slab + words * 16 * Groups;
  do {
    __m512 w[Groups];
    for (int g = 0; g < Groups; ++g) w[g] = _mm512_load_ps(slab + 16 * g);
#pragma GCC unroll 8
    for (int t = 0; t < Rows; ++t) {
      __m512i input = _mm512_set1_epi32(static_cast<int>(x[t]));
      // Broadcast once: as an operand of each product it would be loaded Groups times.
      __asm__("" : "+v"(input));
#pragma GCC unroll 3
      for (int g = 0; g < Groups; ++g) {
        sums[t][g] = Format::dot(sums[t][g], w[g], _mm512_castsi512_ps(input));
      }
    }
    slab += 16 * Groups;
    x += Rows;
  } while (slab != end);
  for (int t = 0; t < Rows; ++t) {
    for (int g = 0; g < Groups; ++g) {
      float* out = y + t * y_stride + 16 * g;
      const __mmask16 lanes = g == Groups - 1 ? mask : __mmask16{0xffff};
      __m512 sum = sums[t][g];
      if (add) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, out), sum);
      _mm512_mask_storeu_ps(out, lanes, sum);
    }
  }
}

template <typename Format, int Groups, int Rows = kTileRows>
void multiply_rows(std::int64_t rows, const float* slab, std::int64_t words, const std::uint32_t* x,
                   bool add, __mmask16 mask, float* y, std::int64_t y_stride) noexcept {
  if constexpr (Rows > 0) {
    if (rows == Rows) {
      return multiply_tile<Format, Groups, Rows>(slab, words, x, add, mask, y, y_stride);
    }
    multiply_rows<Format, Groups, Rows - 1>(rows, slab, words, x, add, mask, y, y_stride);
  }
}

// slab[word][16 groups] of `rows` rows of weights at w, `words` of their words, whose last may
// lack an input: `count` elements exist.
template <typename Format>
void turn_slab(const typename Format::Element* w, std::int64_t rows, std::int64_t stride,
               std::int64_t count, int groups, float* slab) noexcept {
  constexpr std::int64_t kStep = 16 * Format::kInputs;
  for (int g = 0; g < groups; ++g) {
    const std::int64_t present = least(16, rows - 16 * g);
    for (std::int64_t k = 0; k < count; k += kStep) {
      __m512 a[16];
      for (int r = 0; r < 16; ++r) {
        const auto* from = w + (16 * g + r) * stride + k;
        a[r] = r < present ? Format::weights(from, count - k) : _mm512_setzero_ps();
      }
      turn_16(a);
      float* out = slab + k / Format::kInputs * 16 * groups + 16 * g;
      for (int i = 0; i < 16; ++i) _mm512_store_ps(out + i * 16 * groups, a[i]);
    }
  }
}

template <typename Format, int Groups>
void multiply_panel(const typename Format::Element* w, std::int64_t rows, std::int64_t cols,
                    const InputTiles& x, float* slab, float* y, std::int64_t y_stride) noexcept {
  constexpr std::int64_t kSlabInputs = kSlabWords * Format::kInputs;
  const auto mask = static_cast<__mmask16>(0xffffu >> static_cast<unsigned>(16 * Groups - rows));
  for (std::int64_t k = 0; k < cols; k += kSlabInputs) {
    const std::int64_t count = least(kSlabInputs, cols - k);
    turn_slab<Format>(w + k, rows, cols, count, Groups, slab);
    const std::int64_t words = (count + Format::kInputs - 1) / Format::kInputs;
    for (std::int64_t t = 0; t < x.tiles(); ++t) {
      const std::int64_t first = x.first_row(t);
      const std::int64_t tile_rows = x.rows_of(t);
      multiply_rows<Format, Groups>(tile_rows, slab, words,
                                    x.tile(t) + k / Format::kInputs * tile_rows, k > 0, mask,
                                    y + first * y_stride, y_stride);
    }
  }
}

template <typename Format>
void multiply_float(const void* weights, std::int64_t rows, std::int64_t cols, const InputTiles& x,
                    float* slab, float* y, std::int64_t y_stride) noexcept {
  const auto* w = static_cast<const typename Format::Element*>(weights);
  for (std::int64_t r = 0; r < rows; r += 16 * kPanelGroups) {
    const std::int64_t count = least(16 * kPanelGroups, rows - r);
    const auto multiply = count > 32   ? multiply_panel<Format, 3>
                          : count > 16 ? multiply_panel<Format, 2>
                                       : multiply_panel<Format, 1>;
    multiply(w + r * cols, count, cols, x, slab, y + r, y_stride);
  }
}

template <typename Format>
void pack_tile(const float* x, std::int64_t x_stride, std::int64_t tile,
               const InputTiles& to) noexcept {
  constexpr std::int64_t kStep = 16 * Format::kInputs;
  const std::int64_t rows = to.rows_of(tile);
  const float* from = x + to.first_row(tile) * x_stride;
  std::uint32_t* out = to.tile(tile);
  const __mmask16 mask = Lanes::mask(rows);
  for (std::int64_t k = 0; k < to.cols; k += kStep) {
    __m512 a[16];
    for (int r = 0; r < 16; ++r) {
      a[r] = r < rows ? Format::inputs(from + r * x_stride + k, to.cols - k) : _mm512_setzero_ps();
    }
    const std::int64_t word = k / Format::kInputs;
    const std::int64_t words = least(16, to.words_per_row() - word);
    if (rows == 1) {
      const auto present = static_cast<__mmask16>(0xffffu >> static_cast<unsigned>(16 - words));
      _mm512_mask_storeu_ps(out + word, present, a[0]);
      continue;
    }
    turn_16(a);
    for (std::int64_t i = 0; i < words; ++i) {
      _mm512_mask_storeu_ps(out + (word + i) * rows, mask, a[i]);
    }
  }
}

// `kernels` with these for many inputs, from so many on.
template <typename Format>
constexpr FloatKernels with_tiles(FloatKernels kernels, std::int64_t from) noexcept {
  kernels.from = from;
  kernels.inputs_per_word = Format::kInputs;
  kernels.pack = pack_tile<Format>;
  kernels.multiply = multiply_float<Format>;
  return kernels;
}

}  // namespace
}  // namespace lathe
