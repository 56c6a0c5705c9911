#include "generate/portable_math.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "generate/pcg.h"

namespace lathe {
namespace {

TEST(PortableMath, ExpIsWithinTwoUnitsInTheLastPlace) {
  Pcg32 random(1);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = -static_cast<double>(random.next()) / 4294967296.0 * (i % 2 == 0 ? 1 : 600);
    const double expected = std::exp(x);
    const double unit = std::nextafter(expected, 2.0) - expected;
    worst = std::max(worst, std::abs(portable_exp(x) - expected) / unit);
  }
  EXPECT_LE(worst, 2.0);
}

TEST(PortableMath, ExpAtItsBorders) {
  EXPECT_EQ(portable_exp(0.0), 1.0);
  EXPECT_EQ(portable_exp(-0.0), 1.0);
  EXPECT_EQ(portable_exp(-701.0), 0.0);
  EXPECT_EQ(portable_exp(-std::numeric_limits<double>::infinity()), 0.0);
  EXPECT_EQ(portable_exp(std::numeric_limits<double>::quiet_NaN()), 0.0);
  EXPECT_GT(portable_exp(-699.9), 0.0);
}

TEST(PortableMath, LogIsWithinTwoUnitsInTheLastPlace) {
  Pcg32 random(2);
  for (int i = 0; i < 200000; ++i) {
    const double x = 1.0 + static_cast<double>(random.next()) / (i % 2 == 0 ? 4294967296.0 : 7.0);
    const double expected = std::log(x);
    const double unit = std::nextafter(expected, 1e9) - expected;
    ASSERT_LE(std::abs(portable_log(x) - expected), 2 * unit) << x;
  }
  EXPECT_EQ(portable_log(1.0), 0.0);
}

// What another machine must reproduce to the bit.
TEST(PortableMath, KeepsItsBits) {
  EXPECT_EQ(portable_exp(-1.0), 0x1.78b56362cef38p-2);
  EXPECT_EQ(portable_exp(-33.25), 0x1.057322ef4a1c2p-48);
  EXPECT_EQ(portable_log(3.0), 0x1.193ea7aad030bp+0);
}

}  // namespace
}  // namespace lathe
