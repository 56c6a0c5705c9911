#include "base/exp_nonpositive.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "base/pcg.h"

namespace lathe {
namespace {

TEST(ExpNonpositive, IsWithinTwoUnitsInTheLastPlace) {
  Pcg32 random(1);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = -static_cast<double>(random.next()) / 4294967296.0 * (i % 2 == 0 ? 1 : 600);
    const double expected = std::exp(x);
    const double unit = std::nextafter(expected, 2.0) - expected;
    worst = std::max(worst, std::abs(exp_nonpositive(x) - expected) / unit);
  }
  EXPECT_LE(worst, 2.0);
}

TEST(ExpNonpositive, AtItsBorders) {
  EXPECT_EQ(exp_nonpositive(0.0), 1.0);
  EXPECT_EQ(exp_nonpositive(-0.0), 1.0);
  const double least = exp_nonpositive(-700.0);
  EXPECT_NEAR(least, 9.85967654375977e-305, 1e-317);
  EXPECT_EQ(exp_nonpositive(-701.0), least);
  EXPECT_EQ(exp_nonpositive(-std::numeric_limits<double>::infinity()), least);
  EXPECT_EQ(exp_nonpositive(std::numeric_limits<double>::quiet_NaN()), least);
}

// What another machine must reproduce to the bit.
TEST(ExpNonpositive, KeepsItsBits) {
  EXPECT_EQ(exp_nonpositive(-1.0), 0x1.78b56362cef38p-2);
  EXPECT_EQ(exp_nonpositive(-33.25), 0x1.057322ef4a1c2p-48);
}

}  // namespace
}  // namespace lathe
