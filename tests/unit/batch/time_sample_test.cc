#include "batch/time_sample.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(TimeSample, IsExactWhileItIsShort) {
  TimeSample sample;
  EXPECT_EQ(sample.percentiles().max, 0.0);
  std::vector<double> all;
  for (int i = 0; i < 1000; ++i) {
    const double value = (i * 7919) % 1000;
    sample.add(value);
    all.push_back(value);
  }
  const Percentiles want = percentiles(all);
  const Percentiles got = sample.percentiles();
  EXPECT_EQ(got.p50, want.p50);
  EXPECT_EQ(got.p90, want.p90);
  EXPECT_EQ(got.p99, want.p99);
  EXPECT_EQ(got.max, want.max);
  EXPECT_DOUBLE_EQ(got.mean, want.mean);
}

TEST(TimeSample, StaysSmallAndTrueOverMillions) {
  TimeSample sample;
  constexpr int kCount = 1'000'003;
  for (int i = 0; i < kCount; ++i) {
    sample.add(i);
    ASSERT_LE(sample.size(), TimeSample::kMost);
  }
  EXPECT_GE(sample.size(), TimeSample::kMost / 2);
  const Percentiles got = sample.percentiles();
  EXPECT_NEAR(got.p50, 0.50 * kCount, 1e-4 * kCount);
  EXPECT_NEAR(got.p90, 0.90 * kCount, 1e-4 * kCount);
  EXPECT_NEAR(got.p99, 0.99 * kCount, 1e-4 * kCount);
  EXPECT_EQ(got.max, kCount - 1);
  EXPECT_DOUBLE_EQ(got.mean, (kCount - 1) / 2.0);
}

}  // namespace
}  // namespace lathe
