// Every float kernel of every table gives the bits of the generic one, and those are close to
// the same sums in double.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/conversion_kernels.h"
#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "support/random_floats.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

using test::random_floats;
using Floats = std::vector<float>;
using Halves = std::vector<std::uint16_t>;

constexpr std::int64_t kSizes[] = {1, 2, 7, 8, 15, 16, 17, 31, 33, 48, 64, 100, 172, 255, 300};

// Ordinary numbers with the corners of the format among them.
Floats awkward_floats(std::int64_t n, unsigned seed) {
  static constexpr float kCorners[] = {0.0f,   -0.0f,    1e-40f,   -1e-40f,  1e-45f,  3e38f,
                                       -3e38f, 65504.0f, 65520.0f, 65519.0f, 6e-8f,   3e-8f,
                                       -88.5f, 88.4f,    -87.3f,   104.0f,   1.0f,    -1.0f,
                                       0.1f,   1e-20f,   -1e-20f,  5.96e-8f, 6.1e-5f, 6.0e-5f};
  Floats v = random_floats(n, 1.0f, seed);
  std::mt19937 generator(seed + 1);
  for (float& x : v) {
    if (generator() % 3 == 0) x = kCorners[generator() % std::size(kCorners)];
  }
  return v;
}

Halves halves_of(const Floats& v) {
  Halves h(v.size());
  std::transform(v.begin(), v.end(), h.begin(), f32_to_f16);
  return h;
}

Halves bfloats_of(const Floats& v) {
  Halves h(v.size());
  std::transform(v.begin(), v.end(), h.begin(), f32_to_bf16);
  return h;
}

// Bit for bit; any NaN equals any other.
void expect_same(const Floats& a, const Floats& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    ASSERT_EQ(std::bit_cast<std::uint32_t>(a[i]), std::bit_cast<std::uint32_t>(b[i]))
        << what << " at " << i << ": " << a[i] << " and " << b[i];
  }
}

class FloatKernels : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& generic() const { return *available_kernels()[0]; }
  const KernelTable& table() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Tables, FloatKernels,
                         ::testing::ValuesIn(available_kernels().begin(),
                                             available_kernels().end()),
                         [](const auto& info) { return info.param->name; });

TEST_P(FloatKernels, MatvecEqualsGenericAndIsAccurate) {
  for (const std::int64_t cols : kSizes) {
    for (const std::int64_t rows : {1, 3, 4, 9}) {
      for (const std::int64_t batch : {1, 2, 5}) {
        const Floats w = random_floats(rows * cols, 1.0f, 1);
        const Halves w16 = halves_of(w);
        const Halves wb16 = bfloats_of(w);
        const std::int64_t stride = cols + 3;
        const Floats x = random_floats(batch * stride, 1.0f, 2);
        const std::int64_t y_stride = rows + 2;
        const Floats blank(static_cast<std::size_t>(batch * y_stride), -7.0f);
        const auto all = [&](const KernelTable& t) {
          std::vector<Floats> y(3, blank);
          t.forward.f32.matvec(w.data(), rows, cols, x.data(), stride, batch, y[0].data(),
                               y_stride);
          t.forward.f16.matvec(w16.data(), rows, cols, x.data(), stride, batch, y[1].data(),
                               y_stride);
          t.forward.bf16.matvec(wb16.data(), rows, cols, x.data(), stride, batch, y[2].data(),
                                y_stride);
          return y;
        };
        const std::vector<Floats> expected = all(generic());
        const std::vector<Floats> got = all(table());
        for (std::size_t t = 0; t < 3; ++t) expect_same(got[t], expected[t], "matvec");
        for (std::int64_t b = 0; b < batch; ++b) {
          for (std::int64_t r = 0; r < rows; ++r) {
            double sum[3] = {};
            double size = 1e-30;
            for (std::int64_t k = 0; k < cols; ++k) {
              const auto i = static_cast<std::size_t>(r * cols + k);
              const double input = x[static_cast<std::size_t>(b * stride + k)];
              sum[0] += w[i] * input;
              sum[1] += f16_to_f32(w16[i]) * input;
              sum[2] += bf16_to_f32(wb16[i]) * input;
              size += std::abs(w[i] * input);
            }
            for (std::size_t t = 0; t < 3; ++t) {
              EXPECT_NEAR(got[t][static_cast<std::size_t>(b * y_stride + r)], sum[t], 2e-6 * size);
            }
          }
        }
      }
    }
  }
}

TEST_P(FloatKernels, WhatIsNoNumberStaysNone) {
  const ForwardKernels& t = table().forward;
  for (const std::int64_t n : {1, 16, 37}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
        Floats x = random_floats(n, 1.0f, 5);
        x[static_cast<std::size_t>(at)] = bad;
        std::vector<std::int8_t> bytes(static_cast<std::size_t>((n + 15) / 16 * 16));
        EXPECT_TRUE(std::isnan(t.quantize_vector(x.data(), n, bytes.data())));
        EXPECT_TRUE(std::isnan(t.quantize_codes(x.data(), n, 4, bytes.data())));
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(t.sum_exp(x.data(), n, 1.0f)));
        }
        const Floats one(static_cast<std::size_t>(n), 1.0f);
        Floats y(static_cast<std::size_t>(n));
        t.silu_mul(x.data(), one.data(), n, y.data());
        EXPECT_FALSE(std::isfinite(y[static_cast<std::size_t>(at)]));
        t.gelu_mul(x.data(), one.data(), n, y.data());
        EXPECT_FALSE(std::isfinite(y[static_cast<std::size_t>(at)]));
        t.rms_norm(x.data(), one.data(), 1e-5f, n, y.data());
        EXPECT_TRUE(std::isnan(y[static_cast<std::size_t>(at)]));
      }
    }
  }
}

TEST_P(FloatKernels, LowRankProductsEqualGenericAndTouchNothingElse) {
  for (const std::int64_t rows : {1, 15, 16, 17, 64, 69, 172}) {
    for (const std::int64_t inner : {1, 8, 33}) {
      for (const std::int64_t batch : {1, 2, 6, 7, 13}) {
        const std::int64_t b_stride = rows + 5;
        const std::int64_t x_stride = inner + 2;
        const std::int64_t y_stride = rows + 3;
        const Floats b = random_floats(inner * b_stride, 1.0f, 1);
        const Floats x = random_floats(batch * x_stride, 1.0f, 2);
        const Floats before = random_floats(batch * y_stride, 1.0f, 3);
        Floats expected = before;
        Floats got = before;
        generic().forward.add_low_rank(b.data(), b_stride, inner, rows, x.data(), x_stride, batch,
                                       expected.data(), y_stride);
        table().forward.add_low_rank(b.data(), b_stride, inner, rows, x.data(), x_stride, batch,
                                     got.data(), y_stride);
        expect_same(got, expected, "add_low_rank");
        for (std::int64_t m = 0; m < batch; ++m) {
          for (std::int64_t r = 0; r < y_stride; ++r) {
            const auto at = static_cast<std::size_t>(m * y_stride + r);
            if (r >= rows) {
              EXPECT_EQ(got[at], before[at]);
              continue;
            }
            double sum = before[at];
            for (std::int64_t k = 0; k < inner; ++k) {
              sum += static_cast<double>(b[static_cast<std::size_t>(k * b_stride + r)]) *
                     static_cast<double>(x[static_cast<std::size_t>(m * x_stride + k)]);
            }
            EXPECT_NEAR(got[at], sum, 1e-4);
          }
        }
      }
    }
  }
}

TEST_P(FloatKernels, MatvecOfAwkwardNumbersEqualsGeneric) {
  for (const std::int64_t cols : kSizes) {
    const Floats w = awkward_floats(6 * cols, 3);
    const Floats x = awkward_floats(2 * cols, 4);
    Floats expected(12);
    Floats got(12);
    generic().forward.f32.matvec(w.data(), 6, cols, x.data(), cols, 2, expected.data(), 6);
    table().forward.f32.matvec(w.data(), 6, cols, x.data(), cols, 2, got.data(), 6);
    expect_same(got, expected, "matvec_f32");
  }
}

TEST_P(FloatKernels, ConvertsEveryHalfAndBfloat) {
  Halves all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  Floats f(all.size());
  table().convert.f16_to_f32(all.data(), 65536, f.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float expected = f16_to_f32(all[i]);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(f[i]));
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(f[i]), std::bit_cast<std::uint32_t>(expected)) << i;
    }
  }
  Halves back(all.size());
  table().convert.f32_to_f16(f.data(), 65536, back.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!std::isnan(f[i])) {
      ASSERT_EQ(back[i], all[i]);
    }
  }
  table().convert.bf16_to_f32(all.data(), 65536, f.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(f[i]), static_cast<std::uint32_t>(i) << 16);
  }
}

TEST_P(FloatKernels, RoundsFloatsToHalvesAsTheScalarFunctionDoes) {
  std::mt19937 generator(5);
  for (const std::int64_t n : kSizes) {
    Floats x = awkward_floats(n, static_cast<unsigned>(n));
    for (float& v : x) {
      // Any exponent around the half's range, any mantissa.
      if (generator() % 2 == 0) {
        const auto exponent = static_cast<std::uint32_t>(100 + generator() % 50);
        const auto others = static_cast<std::uint32_t>(generator() & 0x807fffffu);
        v = std::bit_cast<float>(others | (exponent << 23));
      }
    }
    Halves h(x.size() + 1, 0xabcd);
    table().convert.f32_to_f16(x.data(), n, h.data());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(h[i], f32_to_f16(x[i])) << x[i];
    EXPECT_EQ(h.back(), 0xabcd);
  }
}

TEST_P(FloatKernels, ElementwiseEqualsGeneric) {
  for (const std::int64_t n : kSizes) {
    for (const bool awkward : {false, true}) {
      const Floats a = awkward ? awkward_floats(n, 6) : random_floats(n, 3.0f, 6);
      const Floats b = awkward ? awkward_floats(n, 7) : random_floats(n, 3.0f, 7);
      const auto all = [&](const KernelTable& t) {
        std::vector<Floats> y(6, b);
        t.forward.add(a.data(), n, y[0].data());
        t.forward.rms_norm(a.data(), b.data(), 1e-5f, n, y[1].data());
        t.forward.silu_mul(a.data(), b.data(), n, y[2].data());
        t.forward.gelu_mul(a.data(), y[3].data(), n, y[3].data());  // in place
        const float max = *std::max_element(a.begin(), a.end());
        y[4] = {t.forward.sum_exp(a.data(), n, max)};
        y[5] = a;
        t.forward.soft_cap(y[5].data(), n, 30.0f);
        return y;
      };
      const std::vector<Floats> expected = all(generic());
      const std::vector<Floats> got = all(table());
      const char* names[] = {"add", "rms_norm", "silu_mul", "gelu_mul", "sum_exp", "soft_cap"};
      for (std::size_t i = 0; i < got.size(); ++i) expect_same(got[i], expected[i], names[i]);
    }
  }
}

TEST_P(FloatKernels, ElementwiseIsAccurate) {
  constexpr std::int64_t kN = 3001;
  Floats x(kN);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i) - 1500.0f) / 15.0f;
  const Floats one(kN, 1.0f);
  Floats silu(kN);
  Floats gelu(kN);
  table().forward.silu_mul(x.data(), one.data(), kN, silu.data());
  table().forward.gelu_mul(x.data(), one.data(), kN, gelu.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double v = x[i];
    EXPECT_NEAR(silu[i], v / (1 + std::exp(-v)), 4e-7 * std::abs(v / (1 + std::exp(-v))) + 1e-35);
    const double u = std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v);
    // Far left the tanh form cancels; what is left is far below a float of size one.
    EXPECT_NEAR(gelu[i], 0.5 * v * (1 + std::tanh(u)), 4e-6 * std::abs(v) + 1e-30);
  }
  double expected = 0;
  for (const float v : x) expected += std::exp(static_cast<double>(v) - 100.0);
  EXPECT_NEAR(table().forward.sum_exp(x.data(), kN, 100.0f), expected, 1e-6 * expected);

  Floats capped = x;
  capped[0] = std::numeric_limits<float>::infinity();
  capped[1] = -capped[0];
  table().forward.soft_cap(capped.data(), kN, 30.0f);
  EXPECT_EQ(capped[0], 30.0f);
  EXPECT_EQ(capped[1], -30.0f);
  for (std::size_t i = 2; i < x.size(); ++i) {
    EXPECT_NEAR(capped[i], 30.0 * std::tanh(static_cast<double>(x[i]) / 30.0), 1e-5);
  }

  const Floats w = random_floats(kN, 1.0f, 8);
  Floats y(kN);
  table().forward.rms_norm(x.data(), w.data(), 1e-5f, kN, y.data());
  double squares = 0;
  for (const float v : x) squares += static_cast<double>(v) * v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = x[i] * w[i] / std::sqrt(squares / kN + 1e-5);
    EXPECT_NEAR(y[i], e, 1e-6 * std::abs(e));
  }
}

TEST_P(FloatKernels, RopeRotatesPairsAndEqualsGeneric) {
  for (const std::int64_t half : {1, 4, 8, 16, 20, 32, 64}) {
    Floats c(static_cast<std::size_t>(half));
    Floats s(c.size());
    for (std::size_t i = 0; i < c.size(); ++i) {
      c[i] = std::cos(static_cast<float>(i) * 0.7f);
      s[i] = std::sin(static_cast<float>(i) * 0.7f);
    }
    const Floats x = random_floats(2 * half, 1.0f, 9);
    Floats expected = x;
    Floats got = x;
    generic().forward.rope(c.data(), s.data(), half, expected.data());
    table().forward.rope(c.data(), s.data(), half, got.data());
    expect_same(got, expected, "rope");
    for (std::size_t i = 0; i < c.size(); ++i) {
      EXPECT_NEAR(got[i], x[i] * c[i] - x[i + c.size()] * s[i], 1e-6);
      EXPECT_NEAR(got[i + c.size()], x[i + c.size()] * c[i] + x[i] * s[i], 1e-6);
    }
  }
}

struct Attention {
  std::int64_t queries;
  std::int64_t head_dim;
  std::int64_t pages;
  float cap = 0.0f;  // of the scores
};

enum class Stored { kF32, kF16, kInt8, kInt4, kK8V4 };

bool in_codes(Stored stored) { return stored != Stored::kF32 && stored != Stored::kF16; }
int key_bits_of(Stored stored) { return stored == Stored::kInt4 ? 6 : 8; }
int value_bits_of(Stored stored) { return stored == Stored::kInt8 ? 8 : 4; }

// Where bits of an element lie: `count` of them, from `shift` on of the byte (or wider element) at
// `index`, are those from `above` on.
struct Part {
  std::int64_t index;
  int shift = 0, count = 8, above = 0;
};
using Place = std::vector<Part>;

// A page's block of keys or values, its elements at the places that `index` says.
template <typename Index>
std::vector<std::byte> block_of(const float* x, std::int64_t count, std::int64_t head_dim,
                                Stored stored, int bits, Floats* as_stored, Index index) {
  const std::size_t width = stored == Stored::kF32 ? 4 : stored == Stored::kF16 ? 2 : 1;
  const auto elements = in_codes(stored)
                            ? static_cast<std::size_t>(kv_code_bytes(bits, head_dim))
                            : static_cast<std::size_t>(kKvPageTokens * head_dim) * width;
  const float top = static_cast<float>((1 << (bits - 1)) - 1);
  // What is not written looks like a large number, or none.
  std::vector<std::byte> block(elements + kKvPageTokens * sizeof(float), std::byte{0x7f});
  for (std::int64_t t = 0; t < count; ++t) {
    const float* from = x + t * head_dim;
    float most = 0.0f;
    for (std::int64_t d = 0; d < head_dim; ++d) most = std::max(most, std::abs(from[d]));
    const float scale = most / top;
    for (std::int64_t d = 0; d < head_dim; ++d) {
      const Place place = index(t, d);
      std::byte* to = block.data() + static_cast<std::size_t>(place.front().index) * width;
      float value = from[d];
      if (stored == Stored::kF32) {
        std::memcpy(to, &value, 4);
      } else if (stored == Stored::kF16) {
        const std::uint16_t half = f32_to_f16(value);
        std::memcpy(to, &half, 2);
        value = f16_to_f32(half);
      } else {
        const int code = static_cast<int>(std::nearbyint(value / scale));
        for (const Part& part : place) {
          std::byte& byte = block[static_cast<std::size_t>(part.index)];
          const int mask = ((1 << part.count) - 1) << part.shift;
          const int bits_of_it = (code + (1 << (bits - 1))) >> part.above << part.shift & mask;
          byte = (byte & static_cast<std::byte>(~mask)) | static_cast<std::byte>(bits_of_it);
        }
        value = static_cast<float>(code) * scale;
      }
      as_stored->push_back(value);
    }
    std::memcpy(block.data() + elements + static_cast<std::size_t>(t) * 4, &scale, 4);
  }
  return block;
}

Place key_place(Stored stored, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!in_codes(stored)) return {{(t / 16 * dim + d) * 16 + t % 16}};
  const std::int64_t quads = byte_block_dims(dim) / 4;
  const auto in = [&](std::int64_t line) { return (line * 16 + t % 16) * 4 + d % 4; };
  if (key_bits_of(stored) == 8) return {{in(t / 16 * quads + d / 4)}};
  const std::int64_t block = (t / 16 * quads / 4 + d / 16) * 3;
  const int quad = static_cast<int>(d % 16 / 4);
  return {{in(block + quad / 2), quad % 2 * 4, 4, 0}, {in(block + 2), quad * 2, 2, 4}};
}

Place value_place(Stored stored, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!in_codes(stored)) return {{t * dim + d}};
  const auto in = [&](std::int64_t tile) {
    return ((tile * 16 + t / 4) * 16 + d % 16) * 4 + t % 4;
  };
  if (value_bits_of(stored) == 8) return {{in(d / 16)}};
  return {{in(d / 32), d / 16 % 2 == 0 ? 0 : 4, 4, 0}};
}

// Rows as the kernels for integers read them, and what they stand for, in place.
struct ByteQueries {
  ByteQueries(const KernelTable& t, std::int64_t queries, std::int64_t dim, Floats* q)
      : bytes(static_cast<std::size_t>(queries * byte_block_dims(dim))),
        scales(static_cast<std::size_t>(queries)),
        sums(scales.size()),
        rows{bytes.data(), scales.data(), sums.data(), queries} {
    for (std::int64_t i = 0; i < queries; ++i) {
      t.forward.quantize_bytes(q->data() + i * dim, dim, rows, i);
      for (std::int64_t d = 0; d < dim; ++d) {
        const auto at = static_cast<std::size_t>((d / 4 * queries + i) * 4 + d % 4);
        float& value = (*q)[static_cast<std::size_t>(i * dim + d)];
        const float scale = scales[static_cast<std::size_t>(i)];
        EXPECT_NEAR(value, static_cast<float>(bytes[at]) * scale, 0.501F * scale);
        value = static_cast<float>(bytes[at]) * scale;
      }
    }
  }

  std::vector<std::int8_t> bytes;
  Floats scales;
  std::vector<std::int32_t> sums;
  ByteRows rows;
};

// Runs `pages` pages over the queries; query row i sees the positions
// [i / 4, context - i / 4).
Floats attend(const KernelTable& t, const Attention& a, Stored stored, Floats* plain) {
  const std::int64_t context = a.pages * kKvPageTokens - 3;
  const std::int64_t dim = a.head_dim;
  Floats q = random_floats(a.queries * dim, 1.0f, 10);
  Floats byte_values = q;
  const ByteQueries byte_queries(t, a.queries, dim, &byte_values);
  if (in_codes(stored)) q = byte_values;
  const Floats all_keys = random_floats(context * dim, 1.0f, 11);
  const Floats all_values = random_floats(context * dim, 1.0f, 12);
  Floats k;
  Floats v;
  const auto rows = static_cast<std::size_t>(a.queries);
  Floats m(rows, -std::numeric_limits<float>::infinity());
  Floats l(rows, 0.0f);
  Floats o(rows * static_cast<std::size_t>(a.head_dim), 0.0f);
  for (std::int64_t page = 0; page < a.pages; ++page) {
    std::vector<std::int32_t> first(rows);
    std::vector<std::int32_t> last(rows);
    for (std::int64_t i = 0; i < a.queries; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const auto clamp = [&](std::int64_t p) {
        return static_cast<std::int32_t>(
            std::clamp<std::int64_t>(p - page * kKvPageTokens, 0, kKvPageTokens));
      };
      // Neighbours see the same now and then: the kernels take such rows together.
      first[at] = clamp(i / 4);
      last[at] = clamp(context - i / 4);
    }
    const std::int64_t start = page * kKvPageTokens;
    const std::int64_t count = std::min(kKvPageTokens, context - start);
    const int key_bits = key_bits_of(stored);
    const int value_bits = value_bits_of(stored);
    const auto keys =
        block_of(all_keys.data() + start * dim, count, dim, stored, key_bits, &k,
                 [&](std::int64_t p, std::int64_t d) { return key_place(stored, dim, p, d); });
    const auto values =
        block_of(all_values.data() + start * dim, count, dim, stored, value_bits, &v,
                 [&](std::int64_t p, std::int64_t d) { return value_place(stored, dim, p, d); });
    const auto run = [&](auto kernel, const auto& rows_of_queries) {
      kernel(rows_of_queries, a.queries, dim, keys.data(), values.data(), keys.data(), first.data(),
             last.data(), a.cap, m.data(), l.data(), o.data());
    };
    if (in_codes(stored)) {
      run(stored == Stored::kInt8   ? t.forward.attend_int8
          : stored == Stored::kInt4 ? t.forward.attend_int4
                                    : t.forward.attend_k8v4,
          byte_queries.rows);
    } else {
      run(stored == Stored::kF32 ? t.forward.attend_f32 : t.forward.attend_f16, q.data());
    }
  }
  for (std::size_t i = 0; i < o.size(); ++i) o[i] /= l[i / static_cast<std::size_t>(a.head_dim)];

  plain->assign(o.size(), 0.0f);
  for (std::int64_t i = 0; i < a.queries; ++i) {
    std::vector<double> weight;
    double total = 0;
    for (std::int64_t p = i / 4; p < context - i / 4; ++p) {
      double dot = 0;
      for (std::int64_t d = 0; d < a.head_dim; ++d) {
        dot += static_cast<double>(q[static_cast<std::size_t>(i * a.head_dim + d)]) *
               k[static_cast<std::size_t>(p * dim + d)];
      }
      const double cap = static_cast<double>(a.cap);
      weight.push_back(std::exp(cap == 0.0 ? dot : cap * std::tanh(dot / cap)));
      total += weight.back();
    }
    for (std::int64_t d = 0; d < a.head_dim; ++d) {
      double sum = 0;
      for (std::int64_t p = i / 4; p < context - i / 4; ++p) {
        sum +=
            weight[static_cast<std::size_t>(p - i / 4)] * v[static_cast<std::size_t>(p * dim + d)];
      }
      (*plain)[static_cast<std::size_t>(i * a.head_dim + d)] = static_cast<float>(sum / total);
    }
  }
  return o;
}

TEST_P(FloatKernels, CodesEqualGenericAndLoseLittle) {
  for (const int bits : {4, 6}) {
    const int half = 1 << (bits - 1);
    for (const std::int64_t n : {1, 2, 10, 16, 20, 64, 80, 256}) {
      for (std::uint32_t seed = 0; seed < 20; ++seed) {
        Floats x = random_floats(n, 1.0f, seed);
        if (seed == 0) std::fill(x.begin(), x.end(), 0.0f);
        if (seed == 1) std::fill(x.begin(), x.end(), 0x1p-101f);
        const auto size = static_cast<std::size_t>((n + 15) / 16 * 16);
        std::vector<std::int8_t> expected(size);
        std::vector<std::int8_t> got(size);
        const float scale = generic().forward.quantize_codes(x.data(), n, bits, expected.data());
        EXPECT_EQ(table().forward.quantize_codes(x.data(), n, bits, got.data()), scale);
        EXPECT_EQ(got, expected);
        double lost = 0;
        double whole = 0;
        for (std::int64_t i = 0; i < n; ++i) {
          const auto at = static_cast<std::size_t>(i);
          ASSERT_GE(got[at], 0);
          ASSERT_LT(got[at], 2 * half);
          lost +=
              std::pow(static_cast<double>(static_cast<float>(got[at] - half) * scale - x[at]), 2);
          whole += std::pow(static_cast<double>(x[at]), 2);
        }
        if (seed < 2) {
          EXPECT_EQ(scale, 0.0f);
        } else {
          EXPECT_LT(lost, (bits == 4 ? 0.02 : 0.0015) * whole) << n;
        }
      }
    }
  }
}

TEST_P(FloatKernels, AttentionEqualsGenericAndIsAccurate) {
  std::vector<Attention> cases = {{1, 8, 1}, {3, 20, 2},  {8, 64, 3},  {5, 80, 2},
                                  {2, 7, 2}, {9, 128, 1}, {32, 64, 1}, {31, 144, 2}};
  // Each number of rows has its own blocking.
  for (std::int64_t rows = 1; rows <= 17; ++rows) cases.push_back({rows, 80, 1});
  for (const float cap : {0.5f, 50.0f}) cases.push_back({5, 80, 2, cap});
  for (const Attention& a : cases) {
    for (const Stored stored :
         {Stored::kF32, Stored::kF16, Stored::kInt8, Stored::kK8V4, Stored::kInt4}) {
      Floats plain;
      const Floats expected = attend(generic(), a, stored, &plain);
      const Floats got = attend(table(), a, stored, &plain);
      expect_same(got, expected, "attend, type " + std::to_string(static_cast<int>(stored)));
      // The weights are rounded to 127ths of a page's largest.
      const double tolerance = in_codes(stored) ? 3e-2 : 3e-5;
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], plain[i], tolerance);
    }
  }
}

}  // namespace
}  // namespace lathe
