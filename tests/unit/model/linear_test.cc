// Linear against sums in double, for every float type, in place and copied.
#include "model/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/packed_weights.h"
#include "support/memory_checkpoint.h"
#include "support/pack_nearest.h"
#include "support/packed_schemes.h"
#include "support/random_floats.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

using test::random_floats;

struct Product {
  std::vector<float> y;
  std::vector<float> z;  // of a second matrix in the same call
};

std::unique_ptr<Linear> load(const Checkpoint& checkpoint, std::size_t weight,
                             std::optional<std::size_t> bias = {}) {
  ThreadPool pool(2);
  return Linear::load(checkpoint, weight, bias, pool);
}

constexpr std::int64_t kCols = 172;
constexpr std::int64_t kRows = 203;
constexpr std::int64_t kOtherRows = 65;

Product multiply(const Linear& a, const Linear& b, int threads, std::int64_t batch,
                 const std::vector<float>& x) {
  ThreadPool pool(threads);
  LinearInput input;
  Product p;
  p.y.assign(static_cast<std::size_t>(batch * (kRows + 1)), -3.0f);
  p.z.assign(static_cast<std::size_t>(batch * kOtherRows), -3.0f);
  input.set(x.data(), batch, kCols, kCols + 4);
  const LinearCall calls[] = {{&a, p.y.data(), kRows + 1}, {&b, p.z.data(), kOtherRows}};
  Linear::apply(pool, input, calls);
  return p;
}

TEST(Linear, EqualsSumsInDoubleForEveryFloatTypeThreadCountAndBatch) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const bool in_place : {true, false}) {
      MemoryCheckpoint checkpoint(in_place);
      const std::vector<float> w = checkpoint.add("w", dtype, {kRows, kCols}, 1);
      const std::vector<float> bias = checkpoint.add("b", DType::kF32, {kRows}, 2);
      const std::vector<float> other = checkpoint.add("v", dtype, {kOtherRows, kCols}, 3);
      const auto a = load(checkpoint, 0, 1);
      const auto b = load(checkpoint, 2);
      EXPECT_EQ(a->rows(), kRows);
      EXPECT_EQ(a->cols(), kCols);
      for (const std::int64_t batch : {1, 2, 7, 32, 100}) {
        const std::vector<float> x = random_floats(batch * (kCols + 4), 4);
        const Product one = multiply(*a, *b, 1, batch, x);
        for (const int threads : {2, 3, 8}) {
          const Product same = multiply(*a, *b, threads, batch, x);
          EXPECT_EQ(one.y, same.y);
          EXPECT_EQ(one.z, same.z);
        }
        // Of bfloat16, tables may round the inputs: then few are as many.
        const bool rounds = dtype == DType::kBF16 && kernels().forward.bf16.inputs_per_word == 2;
        std::vector<float> seen = x;
        if (rounds) {
          for (float& value : seen) value = bf16_to_f32(f32_to_bf16(value));
        }
        const auto check = [&](const std::vector<float>& weights, std::int64_t rows,
                               const float* offsets, const std::vector<float>& y,
                               std::int64_t y_stride) {
          for (std::int64_t m = 0; m < batch; ++m) {
            for (std::int64_t r = 0; r < rows; ++r) {
              double sum = offsets != nullptr ? offsets[r] : 0.0;
              for (std::int64_t k = 0; k < kCols; ++k) {
                sum += static_cast<double>(weights[static_cast<std::size_t>(r * kCols + k)]) *
                       seen[static_cast<std::size_t>(m * (kCols + 4) + k)];
              }
              EXPECT_NEAR(y[static_cast<std::size_t>(m * y_stride + r)], sum, 1e-4);
            }
          }
        };
        check(w, kRows, bias.data(), one.y, kRows + 1);
        check(other, kOtherRows, nullptr, one.z, kOtherRows);
        // What lies between the rows stays.
        EXPECT_EQ(one.y[static_cast<std::size_t>(kRows)], -3.0f);
      }
    }
  }
}

TEST(Linear, GivesARowAsFloats) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    MemoryCheckpoint checkpoint(true);
    const std::vector<float> w = checkpoint.add("w", dtype, {5, kCols}, 5);
    const auto linear = load(checkpoint, 0);
    std::vector<float> row(static_cast<std::size_t>(kCols));
    for (std::int64_t r = 0; r < 5; ++r) {
      linear->row_f32(r, row.data());
      EXPECT_TRUE(std::equal(row.begin(), row.end(), w.begin() + r * kCols));
    }
  }
}

// ggml's blocks run as packed matrices.
TEST(Linear, LoadsBlocksAsTheyAre) {
  constexpr std::int64_t kWide = 512;
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ6_K}) {
    const DTypeInfo& info = dtype_info(dtype);
    std::vector<std::byte> bytes(*dtype_bytes(dtype, kRows * kWide));
    std::mt19937 generator(10);
    for (std::byte& b : bytes) b = static_cast<std::byte>(generator());
    for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(info.bytes)) {
      // The block's scale: small and positive, 2^-10 to 2^-8.
      bytes[at + (dtype == DType::kQ6_K ? 209 : 1)] = std::byte{0x14};
    }
    for (const bool in_place : {true, false}) {
      MemoryCheckpoint checkpoint(in_place);
      checkpoint.add_bytes("w", dtype, {kRows, kWide}, bytes);
      const auto linear = load(checkpoint, 0);
      EXPECT_EQ(linear->rows(), kRows);
      const std::vector<float> x = random_floats(kWide, 11);
      std::vector<float> y(kRows);
      ThreadPool pool(2);
      LinearInput input;
      input.set(x.data(), 1, kWide, kWide);
      const LinearCall call[] = {{linear.get(), y.data(), kRows}};
      Linear::apply(pool, input, call);
      const std::size_t row_bytes = bytes.size() / kRows;
      std::vector<float> row(kWide);
      std::vector<float> expected(kWide);
      for (std::int64_t r = 0; r < kRows; ++r) {
        const auto at = static_cast<std::size_t>(r);
        linear->row_f32(r, row.data());
        decode_to_f32(dtype, std::span(bytes).subspan(at * row_bytes, row_bytes), expected);
        EXPECT_EQ(row, expected);
        double sum = 0;
        double size = 0;
        for (std::size_t k = 0; k < row.size(); ++k) {
          sum += static_cast<double>(row[k]) * x[k];
          size += std::abs(static_cast<double>(row[k]) * x[k]);
        }
        EXPECT_NEAR(y[at], sum, 0.01 * size);
      }
    }
  }
}

// Quantized: the bits of an output depend on nothing but its own row of input.
TEST(Linear, PackedGivesTheSameBitsForEveryThreadCountAndBatch) {
  const PackedScheme schemes[] = {{4, 64, ScaleForm::kHalf, false, false},
                                  {4, 32, ScaleForm::kTwoLevel, true, false},
                                  {4, 128, ScaleForm::kHalf, false, true},
                                  {8, 0, ScaleForm::kHalf, false, false}};
  constexpr std::int64_t kBatch = 32;
  const std::vector<float> x = random_floats(kBatch * (kCols + 4), 6);
  for (const PackedScheme& scheme : schemes) {
    const auto pack = [&](std::int64_t rows, unsigned seed, test::AlignedBytes& out) {
      const std::vector<float> w = random_floats(rows * kCols, seed);
      test::pack_nearest(scheme, w.data(), rows, kCols, test::kSomeGrid, out.bytes);
      return std::make_unique<PackedWeights>(view_packed(out.bytes, "test"), out.bytes);
    };
    test::AlignedBytes bytes(*packed_bytes(scheme, kRows, kCols));
    test::AlignedBytes other_bytes(*packed_bytes(scheme, kOtherRows, kCols));
    const auto a = std::make_unique<Linear>(pack(kRows, 7, bytes), random_floats(kRows, 8));
    const auto b = std::make_unique<Linear>(pack(kOtherRows, 9, other_bytes));
    const Product all = multiply(*a, *b, 1, kBatch, x);

    std::vector<float> row(kCols);
    a->row_f32(100, row.data());
    double sum = random_floats(kRows, 8)[100];
    for (std::size_t k = 0; k < row.size(); ++k) sum += static_cast<double>(row[k]) * x[k];
    EXPECT_NEAR(all.y[100], sum, 0.5);

    for (const int threads : {1, 2, 3, 8}) {
      for (const std::int64_t batch : {1, 2, 7, 32}) {
        const Product some = multiply(*a, *b, threads, batch, x);
        EXPECT_TRUE(std::equal(some.y.begin(), some.y.end(), all.y.begin()));
        EXPECT_TRUE(std::equal(some.z.begin(), some.z.end(), all.z.begin()));
      }
    }
  }
}

}  // namespace
}  // namespace lathe
