#include "calibrate/product_sums.h"

#include <gtest/gtest.h>
#include <random>

namespace lathe {
namespace {

std::vector<float> rows_of(std::size_t rows, std::size_t cols) {
  std::mt19937 random(4);
  std::vector<float> x(rows * cols);
  for (float& v : x) v = static_cast<float>(random()) * 0x1p-31f - 1.0f;
  return x;
}

TEST(ProductSums, AreTheMeanOfAllProducts) {
  constexpr std::size_t kRows = 70, kCols = 101;
  const std::vector<float> x = rows_of(kRows, kCols);
  ThreadPool pool(2);
  ProductSums sums;
  sums.add(x.data(), 30, kCols, pool);
  sums.add(x.data() + 30 * kCols, kRows - 30, kCols, pool);
  EXPECT_EQ(sums.rows(), 70);
  const std::vector<float> mean = sums.take_mean(pool);
  for (std::size_t a = 0; a < kCols; ++a) {
    for (std::size_t b = 0; b < kCols; ++b) {
      double sum = 0.0;
      for (std::size_t r = 0; r < kRows; ++r) {
        sum += static_cast<double>(x[r * kCols + a]) * static_cast<double>(x[r * kCols + b]);
      }
      ASSERT_NEAR(mean[a * kCols + b], sum / kRows, 1e-5) << a << " " << b;
    }
  }
}

TEST(ProductSums, HaveTheSameBitsForAnyNumberOfThreads) {
  const std::vector<float> x = rows_of(50, 200);
  std::vector<std::vector<float>> made;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    ProductSums sums;
    sums.add(x.data(), 50, 200, pool);
    made.push_back(sums.take_mean(pool));
  }
  EXPECT_EQ(made[0], made[1]);
}

}  // namespace
}  // namespace lathe
