// Products of many inputs with float weights, of every table that has them, against sums in double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "support/random_floats.h"
#include "tensor/float16.h"
#include "tensor/input_tiles.h"

namespace lathe {
namespace {

using test::random_floats;

template <typename Narrow>
std::vector<std::uint16_t> narrowed(const std::vector<float>& v, Narrow&& narrow) {
  std::vector<std::uint16_t> out(v.size());
  std::transform(v.begin(), v.end(), out.begin(), narrow);
  return out;
}

struct Size {
  std::int64_t rows, cols, inputs;
};

// What kernels makes of w and x, with a margin of -7 after each row of y.
std::vector<float> multiply(const FloatKernels& kernels, const void* w, const Size& size,
                            const std::vector<float>& x, std::int64_t x_stride) {
  InputTiles tiles;
  tiles.rows = size.inputs;
  tiles.cols = size.cols;
  tiles.inputs_per_word = kernels.inputs_per_word;
  const bool few = kernels.multiply_few != nullptr && size.inputs < kernels.from;
  if (few) tiles.tile_rows = 1;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(size.inputs * tiles.words_per_row()));
  tiles.words = words.data();
  for (std::int64_t t = 0; t < tiles.tiles(); ++t) kernels.pack(x.data(), x_stride, t, tiles);
  const std::int64_t y_stride = size.rows + 3;
  std::vector<float> y(static_cast<std::size_t>(size.inputs * y_stride), -7.0f);
  if (few) {
    kernels.multiply_few(w, size.rows, size.cols, tiles, y.data(), y_stride);
  } else {
    alignas(64) static float scratch[kFloatPanelScratch];
    kernels.multiply(w, size.rows, size.cols, tiles, scratch, y.data(), y_stride);
  }
  return y;
}

void expect_close(const std::vector<float>& y, const std::vector<float>& w, const Size& size,
                  const std::vector<float>& x, std::int64_t x_stride, const std::string& what) {
  for (std::int64_t m = 0; m < size.inputs; ++m) {
    const float* row = y.data() + m * (size.rows + 3);
    for (std::int64_t r = 0; r < size.rows; ++r) {
      double sum = 0.0;
      double magnitude = 1e-30;
      for (std::int64_t k = 0; k < size.cols; ++k) {
        const double product = static_cast<double>(w[static_cast<std::size_t>(r * size.cols + k)]) *
                               x[static_cast<std::size_t>(m * x_stride + k)];
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(row[r], sum, 2e-6 * magnitude)
          << what << ": " << size.rows << " × " << size.cols << ", " << size.inputs
          << " inputs, at " << m << ", " << r;
    }
    for (int i = 0; i < 3; ++i) ASSERT_EQ(row[size.rows + i], -7.0f) << what;
  }
}

class FloatMatrices : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Tables, FloatMatrices,
                         ::testing::ValuesIn(available_kernels().begin(),
                                             available_kernels().end()),
                         [](const auto& info) { return info.param->name; });

TEST_P(FloatMatrices, AreCloseToSumsInDouble) {
  if (table().forward.f32.multiply == nullptr) GTEST_SKIP() << "left to a library";
  for (const std::int64_t cols : {1, 2, 15, 16, 31, 33, 63, 172, 1030, 2049}) {
    for (const std::int64_t rows : {1, 16, 17, 47, 48, 85}) {
      for (const std::int64_t inputs : {1, 2, 3, 7, 11, 12, 13, 24, 33}) {
        const Size size = {rows, cols, inputs};
        const std::int64_t x_stride = cols + 3;
        const std::vector<float> w = random_floats(rows * cols, 1);
        const std::vector<float> x = random_floats(inputs * x_stride, 2);
        const auto check = [&](const FloatKernels& kernels, const void* weights,
                               const std::vector<float>& values, const char* what) {
          if (kernels.multiply_few == nullptr && inputs < kernels.from) return;
          std::vector<float> seen = x;
          if (kernels.inputs_per_word == 2) {
            for (float& value : seen) value = bf16_to_f32(f32_to_bf16(value));
          }
          expect_close(multiply(kernels, weights, size, x, x_stride), values, size, seen, x_stride,
                       what);
        };
        check(table().forward.f32, w.data(), w, "f32");
        std::vector<float> values(w.size());
        const std::vector<std::uint16_t> f16 = narrowed(w, f32_to_f16);
        std::transform(f16.begin(), f16.end(), values.begin(), f16_to_f32);
        check(table().forward.f16, f16.data(), values, "f16");
        const std::vector<std::uint16_t> bf16 = narrowed(w, f32_to_bf16);
        std::transform(bf16.begin(), bf16.end(), values.begin(), bf16_to_f32);
        check(table().forward.bf16, bf16.data(), values, "bf16");
      }
    }
  }
}

TEST_P(FloatMatrices, RoundFewInputsAsManyOrNone) {
  for (const FloatKernels& kernels :
       {table().forward.f32, table().forward.f16, table().forward.bf16}) {
    if (kernels.multiply == nullptr) continue;
    EXPECT_EQ(kernels.multiply_few != nullptr, kernels.inputs_per_word == 2);
    EXPECT_GE(kernels.from, 2);
  }
}

}  // namespace
}  // namespace lathe
