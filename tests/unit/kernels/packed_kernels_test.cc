// Packed matrix kernels: every table gives the generic one's bits, for every scheme, odd size
// and number of tokens, whichever tiles are asked for at once; and the result is the exact
// product of the unpacked numbers up to float rounding.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "support/aligned_bytes.h"
#include "support/pack_nearest.h"
#include "support/packed_schemes.h"
#include "support/random_floats.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

using test::AlignedBytes;
using test::kSomeGrid;
using test::random_floats;
using Floats = std::vector<float>;

struct Packed {
  Packed(const PackedScheme& s, std::int64_t rows, std::int64_t cols, unsigned seed)
      : buffer(*packed_bytes(s, rows, cols)) {
    const Floats w = random_floats(rows * cols, 0.02f, seed);
    test::pack_nearest(s, w.data(), rows, cols, kSomeGrid, buffer.bytes);
    matrix = view_packed(buffer.bytes, "test");
  }
  AlignedBytes buffer;
  PackedMatrix matrix;
};

// Tokens [first, first + rows) of x, quantized in blocks.
struct Activations {
  Activations(const KernelTable& table, const Floats& x, std::int64_t first, std::int64_t rows,
              std::int64_t cols, std::int64_t group, std::int64_t block,
              std::int64_t span = kWideSpan, std::int64_t planes = 1) {
    view.rows = rows;
    view.block = block;
    view.planes = planes;
    view.inputs = (cols + 31) / 32 * 32;
    view.span = span;
    view.group = group;
    const std::int64_t room = view.blocks() * view.width();
    q.assign(static_cast<std::size_t>(room * view.inputs), 99);
    scale.assign(static_cast<std::size_t>(room * view.spans()), -1.0f);
    sum.assign(static_cast<std::size_t>(room * view.groups()), -1.0f);
    minus_eight_sum.assign(sum.size(), -1);
    view.q = q.data();
    view.scale = scale.data();
    view.sum = sum.data();
    view.minus_eight_sum = minus_eight_sum.data();
    for (std::int64_t t = 0; t < rows; ++t) {
      table.forward.quantize_row(x.data() + (first + t) * cols, cols, view, t);
    }
  }
  // Where token t's values of a plane begin among those of `per_token` each, `wide` of them
  // together.
  std::int64_t at(std::int64_t t, std::int64_t plane, std::int64_t per_token, std::int64_t i,
                  std::int64_t wide = 1) const {
    const std::int64_t block = t / view.block;
    const std::int64_t in_block = t % view.block * view.planes + plane;
    return (block * per_token + i / wide * wide) * view.width() + in_block * wide + i % wide;
  }
  int code(std::int64_t t, std::int64_t k, std::int64_t plane = 0) const {
    return q[static_cast<std::size_t>(at(t, plane, view.inputs, k, 4))];
  }
  float scale_of(std::int64_t t, std::int64_t k, std::int64_t plane = 0) const {
    return scale[static_cast<std::size_t>(at(t, plane, view.spans(), k / view.span))];
  }
  // Input k of token t as the products see it.
  double value(std::int64_t t, std::int64_t k) const {
    double sum = 0;
    for (std::int64_t p = 0; p < view.planes; ++p) {
      sum += static_cast<double>(scale_of(t, k, p)) * code(t, k, p);
    }
    return sum;
  }

  std::vector<std::int8_t> q;
  Floats scale;
  Floats sum;
  std::vector<std::int32_t> minus_eight_sum;
  QuantizedRows view;
};

Floats multiply(const KernelTable& table, const PackedMatrix& m, const QuantizedRows& x) {
  Floats y(static_cast<std::size_t>(x.rows * (m.rows + 3)), -5.0f);
  table.forward.packed_matmul(m, 0, m.tiles, x, y.data(), m.rows + 3);
  return y;
}

::testing::AssertionResult same_bits(const Floats& a, const Floats& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) {
      return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

class PackedKernels : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& generic() const { return *available_kernels()[0]; }
  const KernelTable& table() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Tables, PackedKernels,
                         ::testing::ValuesIn(available_kernels().begin(),
                                             available_kernels().end()),
                         [](const auto& info) { return info.param->name; });

// Token t of `got` is row t of x to half a step of the last plane, and its sums are those of its
// codes.
void expect_close(const Activations& got, std::int64_t t, const Floats& x, std::int64_t cols) {
  for (std::int64_t plane = 0; plane < got.view.planes; ++plane) {
    std::int32_t sum = 0;
    for (std::int64_t k = 0; k < got.view.inputs; ++k) {
      EXPECT_GE(got.code(t, k, plane), -127);
      sum += got.code(t, k, plane);
      if ((k + 1) % got.view.group != 0 && k + 1 != got.view.inputs) continue;
      const auto at =
          static_cast<std::size_t>(got.at(t, plane, got.view.groups(), k / got.view.group));
      EXPECT_EQ(got.minus_eight_sum[at], -8 * sum);
      EXPECT_EQ(got.sum[at], static_cast<float>(sum));
      sum = 0;
    }
  }
  // Half a step, and what a float rounds in 127 of the first plane's.
  const double share = got.view.planes == 1 ? 0.5001 : 0.51;
  for (std::int64_t k = 0; k < got.view.inputs; ++k) {
    const double real =
        k < cols ? static_cast<double>(x[static_cast<std::size_t>(t * cols + k)]) : 0;
    EXPECT_LE(std::abs(got.value(t, k) - real),
              share * static_cast<double>(got.scale_of(t, k, got.view.planes - 1)));
  }
}

TEST_P(PackedKernels, QuantizesActivationsAsGenericDoes) {
  for (const std::int64_t cols : {1, 15, 16, 31, 32, 33, 100, 172, 300}) {
    for (const std::int64_t group : {16, 32, 64, 128}) {
      Floats x = random_floats(3 * cols, 2.0f, 1);
      for (std::int64_t k = 0; k < cols; ++k) {
        x[static_cast<std::size_t>(cols + k)] *= 1e-38f;     // a tiny row
        x[static_cast<std::size_t>(2 * cols + k)] *= 1e37f;  // and a huge one
      }
      for (const std::int64_t span : {32, 64, 128}) {
        if (span < group) continue;
        for (const std::int64_t planes : {1, 2}) {
          const std::int64_t block = span == 32 ? 1 : span == 64 ? 8 / planes : 2;
          const Activations expected(generic(), x, 0, 3, cols, group, block, span, planes);
          const Activations got(table(), x, 0, 3, cols, group, block, span, planes);
          EXPECT_EQ(got.q, expected.q);
          EXPECT_TRUE(same_bits(got.scale, expected.scale));
          EXPECT_TRUE(same_bits(got.sum, expected.sum));
          EXPECT_EQ(got.minus_eight_sum, expected.minus_eight_sum);
          for (const std::int64_t t : {0, 2}) expect_close(got, t, x, cols);
        }
      }
    }
  }
}

TEST_P(PackedKernels, EverySchemeEqualsGenericAndTheUnpackedProduct) {
  std::vector<PackedScheme> schemes = all_packed_schemes();
  // Other spans, and what is implied where there is none.
  for (const std::int32_t span : {0, 32, 128}) {
    for (const std::int32_t group : {16, 32}) {
      schemes.push_back({.bits = 4, .group = group, .span = span});
      schemes.push_back({.bits = 3, .group = group, .minimums = true, .span = span});
    }
  }
  for (const PackedScheme& s : schemes) {
    for (const std::int64_t cols : {1, 32, 100, 172, 256, 600, 1056}) {
      for (const std::int64_t rows : {1, 16, 53}) {
        SCOPED_TRACE(::testing::Message()
                     << int{s.bits} << " bits, group " << s.group << ", form "
                     << static_cast<int>(s.form) << (s.minimums ? ", minimums" : "")
                     << (s.grid ? ", grid" : "") << (s.wide_inputs ? ", wide inputs" : "") << ", "
                     << rows << " x " << cols);
        constexpr std::int64_t kTokens = 19;  // more than any table's kFewTokens
        const Packed packed(s, rows, cols, 2);
        const Floats x = random_floats(kTokens * cols, 1.0f, 3);
        const std::int64_t group = inputs_per_group(s);
        const std::int64_t span = inputs_per_span(s);
        const std::int64_t planes = input_planes(s);
        const std::int64_t most = table().forward.block_tokens / planes;
        const Activations activations(generic(), x, 0, kTokens, cols, group,
                                      generic().forward.block_tokens / planes, span, planes);
        const Floats expected = multiply(generic(), packed.matrix, activations.view);
        const Activations whole(table(), x, 0, kTokens, cols, group, most, span, planes);
        ASSERT_TRUE(same_bits(multiply(table(), packed.matrix, whole.view), expected));
        // Any number of tokens at once, in blocks of any size, gives the same bits for each.
        for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 15}) {
          const std::int64_t first = (count * 2) % (kTokens - count);
          const std::int64_t block = std::min((count + 1) / 2 + first % 2, most);
          const Activations part(table(), x, first, count, cols, group, block, span, planes);
          const Floats some = multiply(table(), packed.matrix, part.view);
          const auto begin = expected.begin() + first * (rows + 3);
          ASSERT_TRUE(same_bits(some, Floats(begin, begin + count * (rows + 3)))) << count;
        }
        // The unpacked numbers, in double.
        Floats row(static_cast<std::size_t>(cols));
        for (std::int64_t r = 0; r < rows; ++r) {
          unpack_row(packed.matrix, r, row.data());
          for (const std::int64_t t : {0, 7}) {
            double sum = 0;
            double size = 0;
            for (std::int64_t k = 0; k < cols; ++k) {
              const double input = activations.value(t, k);
              const double term = static_cast<double>(row[static_cast<std::size_t>(k)]) * input;
              sum += term;
              // With minimums a product is a difference of two larger ones.
              size += s.minimums ? std::abs(0.1 * input) : std::abs(term);
            }
            ASSERT_NEAR(expected[static_cast<std::size_t>(t * (rows + 3) + r)], sum,
                        1e-6 * size + 1e-30);
          }
        }
      }
    }
  }
}

TEST_P(PackedKernels, AnyTilesAtOnceGiveTheSameBitsAndTouchNothingElse) {
  const PackedScheme s = {4, 64, ScaleForm::kHalf, false, false};
  const Packed packed(s, 90, 320, 4);
  const Floats x = random_floats(17 * 320, 1.0f, 5);
  for (const std::int64_t tokens : {1, 3, 9, 17}) {
    const Activations activations(table(), x, 0, tokens, 320, 64,
                                  std::min(tokens, table().forward.block_tokens));
    const Floats expected = multiply(table(), packed.matrix, activations.view);
    for (std::int64_t first = 0; first < packed.matrix.tiles; ++first) {
      for (std::int64_t last = first; last <= packed.matrix.tiles; ++last) {
        Floats y(expected.size(), -5.0f);
        table().forward.packed_matmul(packed.matrix, first, last, activations.view, y.data(), 93);
        for (std::int64_t t = 0; t < tokens; ++t) {
          for (std::int64_t r = 0; r < 93; ++r) {
            const auto at = static_cast<std::size_t>(t * 93 + r);
            const bool asked = r >= first * 16 && r < last * 16 && r < 90;
            ASSERT_EQ(y[at], asked ? expected[at] : -5.0f);
          }
        }
      }
    }
  }
}

// Bytes cannot say it, so the scale of the span does: nothing that is made of it is a number.
TEST_P(PackedKernels, WhatIsNoNumberStaysNone) {
  constexpr std::int64_t kCols = 172;
  constexpr std::int64_t kRows = 37;
  const float bad_values[] = {std::numeric_limits<float>::quiet_NaN(),
                              std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()};
  for (const PackedScheme& s : all_packed_schemes()) {
    const Packed packed(s, kRows, kCols, 6);
    Floats x = random_floats(3 * kCols, 1.0f, 7);
    const auto product = [&] {
      const Activations a(table(), x, 0, 3, kCols, inputs_per_group(s),
                          std::min<std::int64_t>(3, table().forward.block_tokens / input_planes(s)),
                          inputs_per_span(s), input_planes(s));
      return multiply(table(), packed.matrix, a.view);
    };
    const Floats sound = product();
    for (const float bad : bad_values) {
      for (const std::int64_t at : {0, 40, 128, 171}) {
        const float before = std::exchange(x[static_cast<std::size_t>(kCols + at)], bad);
        const Floats y = product();
        x[static_cast<std::size_t>(kCols + at)] = before;
        for (std::int64_t i = 0; i < 3 * (kRows + 3); ++i) {
          const auto e = static_cast<std::size_t>(i);
          const bool poisoned = i / (kRows + 3) == 1 && i % (kRows + 3) < kRows;
          if (poisoned) {
            ASSERT_FALSE(std::isfinite(y[e])) << bad << " at " << at;
          } else {
            ASSERT_EQ(y[e], sound[e]);
          }
        }
      }
    }
  }
}

// The largest sums that the formats allow, of either sign: where 16-bit accumulation would
// saturate.
TEST_P(PackedKernels, ExtremeCodesAreExact) {
  for (const CodeWidth& width : kCodeWidths) {
    for (const bool minimums : {false, true}) {
      for (const bool top : {false, true}) {
        const PackedScheme s = {width.bits, 128, ScaleForm::kHalf, minimums, false};
        constexpr std::int64_t kCols = 1024;
        const int code = top ? top_code(s) : 0;
        const std::vector<std::uint8_t> q(16 * kCols, static_cast<std::uint8_t>(code));
        const std::vector<std::uint16_t> one(16 * kCols / 128, 0x3c00);
        const std::vector<std::uint16_t> none(16 * kCols / 128, 0);
        AlignedBytes buffer(*packed_bytes(s, 16, kCols));
        PackedWriter writer(s, 16, kCols, 0, kSomeGrid, buffer.bytes);
        PackedTile tile;
        tile.row_codes = q.data();
        tile.scales.halves = one.data();
        if (minimums) tile.minimums.halves = none.data();
        writer.set_tile(0, tile);
        const int weight = code - zero_code(s);
        for (const int input : {-127, 127}) {
          const Floats x(17 * kCols, static_cast<float>(input));
          for (const std::int64_t tokens : {1, 2, 8, 17}) {
            const Activations activations(table(), x, 0, tokens, kCols, 128,
                                          std::min(tokens, table().forward.block_tokens));
            const Floats y = multiply(table(), writer.view(), activations.view);
            for (std::int64_t r = 0; r < 16; ++r) {
              EXPECT_EQ(y[static_cast<std::size_t>(r)], static_cast<float>(input * kCols * weight));
            }
          }
        }
      }
    }
  }
}

// The same of grids, whose values are any signed bytes: -128 has no negative among them.
TEST_P(PackedKernels, ExtremeGridsAreExact) {
  for (const CodeWidth& width : kCodeWidths) {
    if (!width.grid) continue;
    for (const std::int32_t group : {16, 32, 128}) {
      for (const int value : {-128, -127, 127}) {
        const PackedScheme s = {.bits = width.bits, .group = group, .grid = true};
        constexpr std::int64_t kCols = 1024;
        std::array<std::int8_t, 16> grid = {};
        const int code = top_code(s);
        grid[static_cast<std::size_t>(code)] = static_cast<std::int8_t>(value);
        const std::vector<std::uint8_t> q(16 * kCols, static_cast<std::uint8_t>(code));
        const std::vector<std::uint16_t> one(16 * kCols / 16, 0x3c00);
        AlignedBytes buffer(*packed_bytes(s, 16, kCols));
        PackedWriter writer(s, 16, kCols, 0, grid, buffer.bytes);
        PackedTile tile;
        tile.row_codes = q.data();
        tile.scales.halves = one.data();
        writer.set_tile(0, tile);
        for (const int input : {-127, 127}) {
          const Floats x(17 * kCols, static_cast<float>(input));
          for (const std::int64_t tokens : {1, 2, 8, 17}) {
            const Activations activations(table(), x, 0, tokens, kCols, group,
                                          std::min(tokens, table().forward.block_tokens));
            const Floats y = multiply(table(), writer.view(), activations.view);
            for (std::int64_t t = 0; t < tokens; ++t) {
              for (std::int64_t r = 0; r < 16; ++r) {
                ASSERT_EQ(y[static_cast<std::size_t>(t * 19 + r)],
                          static_cast<float>(input * kCols * value));
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lathe
