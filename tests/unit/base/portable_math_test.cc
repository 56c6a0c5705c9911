#include "base/portable_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(PortableMath, SineAndCosineAgreeWithTheLibraryToThePromisedError) {
  for (int i = -200000; i <= 200000; ++i) {
    const double x = static_cast<double>(i) * 0.61803 + 1e-7 * i * i;
    const SinCos got = portable_sincos(x);
    ASSERT_NEAR(got.sine, std::sin(x), 1e-15) << x;
    ASSERT_NEAR(got.cosine, std::cos(x), 1e-15) << x;
  }
}

TEST(PortableMath, SineAndCosineKeepTheirErrorForLargeArguments) {
  for (const double x : {1e5, 262143.0, 1048575.5, 1e7, 123456789.25, 1e9, -1e9}) {
    const SinCos got = portable_sincos(x);
    EXPECT_NEAR(got.sine, std::sin(x), 1e-15) << x;
    EXPECT_NEAR(got.cosine, std::cos(x), 1e-15) << x;
  }
}

TEST(PortableMath, SineAndCosineAreExactAtZero) {
  EXPECT_EQ(portable_sincos(0.0).sine, 0.0);
  EXPECT_EQ(portable_sincos(0.0).cosine, 1.0);
}

TEST(PortableMath, LogExpAndPowAgreeWithTheLibrary) {
  for (double x = 1e-12; x < 1e12; x *= 1.0371) {
    ASSERT_NEAR(portable_log(x), std::log(x), 1e-15 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  for (double x = -600.0; x < 600.0; x += 0.173) {
    ASSERT_NEAR(portable_exp(x) / std::exp(x), 1.0, 1e-15) << x;
  }
  for (const double base : {10000.0, 500000.0, 1e6, 2.5}) {
    for (double y = 0.0; y <= 1.0; y += 1.0 / 128) {
      ASSERT_NEAR(portable_pow(base, y) / std::pow(base, y), 1.0, 5e-15) << base << " " << y;
    }
  }
  EXPECT_EQ(portable_log(1.0), 0.0);
  EXPECT_EQ(portable_exp(0.0), 1.0);
}

// The promise itself: these bits were taken once and must never change, on any machine.
TEST(PortableMath, BitsAreFixed) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto add = [&hash](double x) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(x)) * 1099511628211ULL;
  };
  for (int i = 1; i < 20000; ++i) {
    const double x = static_cast<double>(i) * 13.0625 / 7.0;
    add(portable_sincos(x).sine);
    add(portable_sincos(x).cosine);
    add(portable_log(x));
    add(portable_exp(x / 100.0));
  }
  EXPECT_EQ(hash, 9279472179857059089ULL);
}

}  // namespace
}  // namespace lathe
