#include "quant/cholesky.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace lathe {
namespace {

// B Bᵀ and a little of its own for each input: symmetric and positive.
std::vector<float> positive_matrix(std::size_t n) {
  std::mt19937 random(3);
  std::vector<float> b(n * n);
  for (float& x : b) x = static_cast<float>(random()) * 0x1p-32f - 0.5f;
  std::vector<float> a(n * n);
  for (std::size_t r = 0; r < n; ++r) {
    for (std::size_t c = 0; c < n; ++c) {
      double sum = r == c ? 0.1 : 0.0;
      for (std::size_t k = 0; k < n; ++k) sum += static_cast<double>(b[r * n + k]) * b[c * n + k];
      a[r * n + c] = static_cast<float>(sum);
    }
  }
  return a;
}

TEST(Cholesky, TimesItselfIsTheMatrix) {
  for (const std::size_t n : {1u, 5u, 64u, 65u, 200u}) {
    const std::vector<float> a = positive_matrix(n);
    std::vector<float> l = a;
    ThreadPool pool(2);
    ASSERT_TRUE(cholesky(l, static_cast<std::int64_t>(n), pool));
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c <= r; ++c) {
        double sum = 0.0;
        for (std::size_t k = 0; k <= c; ++k) {
          sum += static_cast<double>(l[r * n + k]) * static_cast<double>(l[c * n + k]);
        }
        ASSERT_NEAR(sum, a[r * n + c], 1e-5 * static_cast<double>(n)) << n << " " << r << " " << c;
      }
    }
  }
}

TEST(Cholesky, HasTheSameBitsForAnyNumberOfThreads) {
  const std::vector<float> a = positive_matrix(150);
  std::vector<float> alone = a;
  ThreadPool one(1), three(3);
  ASSERT_TRUE(cholesky(alone, 150, one));
  std::vector<float> shared = a;
  ASSERT_TRUE(cholesky(shared, 150, three));
  EXPECT_EQ(shared, alone);
}

TEST(Cholesky, SaysWhenAMatrixIsNotPositive) {
  ThreadPool pool(1);
  std::vector<float> a = positive_matrix(100);
  a[70 * 100 + 70] = -1.0f;
  EXPECT_FALSE(cholesky(a, 100, pool));
  std::vector<float> no_number = positive_matrix(10);
  no_number[5 * 10 + 5] = NAN;
  EXPECT_FALSE(cholesky(no_number, 10, pool));
}

}  // namespace
}  // namespace lathe
