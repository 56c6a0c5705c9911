#include "common/progress_bar.h"

#include <gtest/gtest.h>

namespace lathe::tool {
namespace {

using Unit = ProgressBar::Unit;

TEST(ProgressBarTest, ShowsPartRateAndTimeLeft) {
  EXPECT_EQ(
      ProgressBar::frame("convert", Unit::kBytes, {1'500'000'000, 3'000'000'000, 0, 10}, "", 200),
      "convert  50% [############............] 1.5 GB/3.0 GB 150 MB/s ETA 0:10");
}

TEST(ProgressBarTest, CountsWithoutAUnit) {
  EXPECT_EQ(ProgressBar::frame("tokens", Unit::kCount, {999, 0, 0, 2}, "", 200),
            "tokens 999 500/s");
  EXPECT_EQ(ProgressBar::frame("tokens", Unit::kCount, {1'200'000, 0, 0, 1}, "", 200),
            "tokens 1.2M 1.2M/s");
}

TEST(ProgressBarTest, EarlierWorkIsNoRate) {
  EXPECT_EQ(ProgressBar::frame("rows", Unit::kCount, {60, 100, 50, 20}, "", 200),
            "rows  60% [##############..........] 60/100 0.5/s ETA 1:20");
  EXPECT_EQ(ProgressBar::frame("rows", Unit::kCount, {50, 100, 50, 20}, "", 200),
            "rows  50% [############............] 50/100");
}

TEST(ProgressBarTest, WhoKnowsBetterSaysWhatIsLeft) {
  EXPECT_EQ(ProgressBar::frame("rows", Unit::kCount, {0, 100, 0, 20, 75}, "", 200),
            "rows   0% [........................] 0/100 ETA 1:15");
}

TEST(ProgressBarTest, SaysHoursWhenThereAreSome) {
  const auto frame = ProgressBar::frame("x", Unit::kCount, {1, 3726, 0, 1}, "", 200);
  EXPECT_NE(frame.find("ETA 1:02:05"), std::string::npos) << frame;
}

TEST(ProgressBarTest, StaysWithinItsWidth) {
  const std::string name(300, 'n');
  for (std::size_t width = 20; width < 200; ++width) {
    EXPECT_LE(ProgressBar::frame("x", Unit::kBytes, {1, 2, 0, 1}, name, width).size(), width);
  }
}

TEST(ProgressBarTest, EscapesNames) {
  const auto frame = ProgressBar::frame("x", Unit::kBytes, {1, 2, 0, 1}, "a\x1b[31m", 200);
  EXPECT_EQ(frame.find('\x1b'), std::string::npos) << frame;
  EXPECT_NE(frame.find("\\x1b"), std::string::npos) << frame;
}

TEST(ProgressBarTest, BearsMoreThanAll) {
  const auto frame = ProgressBar::frame("x", Unit::kCount, {5, 2, 0, 0}, "", 200);
  EXPECT_NE(frame.find("100%"), std::string::npos) << frame;
}

}  // namespace
}  // namespace lathe::tool
