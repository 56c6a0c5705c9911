#include "lathe/bench/bench.h"

#include <gtest/gtest.h>

#include "lathe/error.h"

namespace lathe {
namespace {

using Values = std::vector<std::int64_t>;

TEST(Ranges, ReadsListsAndRanges) {
  EXPECT_EQ(parse_ranges("512"), Values({512}));
  EXPECT_EQ(parse_ranges("128,256"), Values({128, 256}));
  EXPECT_EQ(parse_ranges("1-4"), Values({1, 2, 3, 4}));
  EXPECT_EQ(parse_ranges("16-64+16"), Values({16, 32, 48, 64}));
  EXPECT_EQ(parse_ranges("1-64*4,7"), Values({1, 4, 16, 64, 7}));
  EXPECT_EQ(parse_ranges("5-5"), Values({5}));
}

TEST(Ranges, RefusesWhatIsNoRange) {
  for (const char* bad : {"", ",", "1,", "x", "-1", "4-1", "1-8+0", "1-8*1", "0-8*2", "1-2x", "1-",
                          "99999999999999999999", "0-9999999"}) {
    try {
      parse_ranges(bad);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUsage) << bad;
    }
  }
}

TEST(BenchCase, IsNamedAsLlamaBenchNamesIt) {
  EXPECT_EQ((BenchCase{512, 0, 0, 1}.name()), "pp512");
  EXPECT_EQ((BenchCase{0, 128, 4096, 1}.name()), "tg128@d4096");
  EXPECT_EQ((BenchCase{128, 32, 0, 16}.name()), "pp128+tg32x16");
}

TEST(BenchCases, PromptAndGenerationStandAloneUnlessBatched) {
  const auto names = [](const BenchLists& lists) {
    std::string all;
    for (const BenchCase& c : make_cases(lists)) all += c.name() + " ";
    return all;
  };
  EXPECT_EQ(names({"512", "128", {}, "0", "1"}), "pp512 tg128 ");
  EXPECT_EQ(names({"0", "8", {"16,4"}, "0,32", "1"}), "tg8 pp16+tg4 tg8@d32 pp16+tg4@d32 ");
  EXPECT_EQ(names({"128", "32", {}, "0", "1,4"}), "pp128 tg32 pp128+tg32x4 ");
  EXPECT_THROW(make_cases({"0", "0", {}, "0", "1"}), Error);
  EXPECT_THROW(make_cases({"1", "1", {"5"}, "0", "1"}), Error);
  EXPECT_THROW(make_cases({"1", "1", {}, "0", "0"}), Error);
}

TEST(BenchTraffic, IsReadAndDrawnTheSameEveryTime) {
  const BenchTraffic traffic = parse_traffic("in=128..512,out=32..256,n=64");
  const auto lengths = traffic.lengths();
  ASSERT_EQ(lengths.size(), 64U);
  std::int64_t in = 0;
  for (const BenchTraffic::Lengths& one : lengths) {
    EXPECT_GE(one.in, 128);
    EXPECT_LE(one.in, 512);
    EXPECT_GE(one.out, 32);
    EXPECT_LE(one.out, 256);
    in += one.in;
  }
  EXPECT_GT(in, 64 * 250);
  EXPECT_LT(in, 64 * 390);
  EXPECT_EQ(traffic.lengths()[7].in, lengths[7].in);
  BenchResult result;
  result.test.traffic = parse_traffic("n=3,out=2,in=5");
  EXPECT_EQ(result.tokens(), 21);
  EXPECT_EQ(result.test.name(), "mix3 in5..5 out2..2");
  for (const char* bad : {"", "in=1..2", "in=2..1,out=1,n=1", "in=0,out=1,n=1", "in=1,out=1,n=1..2",
                          "in=1,out=1,n=x", "in=1,out=1,n=1,k=1", "in=1...2,out=1,n=1",
                          "in=99999999999999999999,out=1,n=1", "in=1,out=,n=1"}) {
    EXPECT_THROW(parse_traffic(bad), Error) << bad;
  }
}

TEST(Summary, OfFourValues) {
  const double values[] = {4, 1, 3, 2};
  const BenchSummary s = summarize(values);
  EXPECT_DOUBLE_EQ(s.mean, 2.5);
  EXPECT_DOUBLE_EQ(s.median, 2.5);
  EXPECT_NEAR(s.stddev, 1.2909944487, 1e-9);
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.max, 4);
}

TEST(Compare, TellsADifferenceFromNoise) {
  const double fast[] = {20.0, 20.1, 19.9, 20.2, 19.8};
  const double slow[] = {10.0, 10.1, 9.9, 10.2, 9.8};
  const double noisy[] = {25.0, 8.0, 12.0, 9.0, 11.0};
  const BenchRatio clear = compare_samples(fast, slow);
  EXPECT_NEAR(clear.ratio, 2.0, 1e-9);
  EXPECT_TRUE(clear.can_tell());
  EXPECT_GT(clear.low, 1.9);
  EXPECT_LT(clear.high, 2.1);
  EXPECT_FALSE(compare_samples(noisy, slow).can_tell());
  EXPECT_EQ(compare_samples(fast, slow).low, clear.low);  // the same every time
}

}  // namespace
}  // namespace lathe
