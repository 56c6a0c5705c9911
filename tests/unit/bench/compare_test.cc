#include "lathe/bench/compare.h"

#include <gtest/gtest.h>

#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

std::vector<BenchRecord> read_bench_records(std::string_view text, const std::string& origin) {
  return bench_records(read_bench_rows(text, origin));
}

TEST(BenchCompare, ReadsArraysLinesAndFilesOfOthers) {
  const auto array = read_bench_records(
      R"([{"model_filename":"m","n_prompt":512,"n_gen":0,"samples_ts":[1.5,2]},
          {"n_prompt":0,"n_gen":64,"n_depth":8,"avg_ts":3}])",
      "a.json");
  ASSERT_EQ(array.size(), 2u);
  EXPECT_EQ(array[0].test, "pp512");
  ASSERT_EQ(array[0].samples_ts.size(), 2u);
  EXPECT_NEAR(array[0].samples_ts[0], 1.5, 1e-6);
  EXPECT_NEAR(array[0].samples_ts[1], 2.0, 1e-6);
  EXPECT_EQ(array[1].test, "tg64@d8");
  ASSERT_EQ(array[1].samples_ts.size(), 1u);
  EXPECT_NEAR(array[1].samples_ts[0], 3.0, 1e-6);
  const auto lines =
      read_bench_records("{\"n_gen\":1,\"avg_ts\":3}\n\n{\"n_gen\":2,\"avg_ts\":4}\n", "a.jsonl");
  EXPECT_EQ(lines.size(), 2u);
}

TEST(BenchCompare, OtherProgramsRowsAreNoneOfOurs) {
  const auto records = read_bench_records(
      R"([{"n_gen":1,"avg_ts":3,"command":null},{"n_gen":1,"avg_ts":4,"command":"other"}])", "f");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_NEAR(records[0].samples_ts[0], 3.0, 1e-6);
}

TEST(BenchCompare, RefusesWhatIsNoResult) {
  for (const char* bad :
       {"", "x", "[]", "[1]", "[{}]", R"([{"n_gen":1}])", R"([{"n_gen":1,"avg_ts":0}])",
        R"([{"n_gen":1,"samples_ts":["x"]}])", R"([{"n_gen":1,"avg_ts":1e-300}])",
        R"([{"n_gen":-1,"avg_ts":1}])", R"([{"pp":1,"tg":1,"pl":1,"t_pp":-1,"t_tg":3}])"}) {
    EXPECT_EQ(error_of([&] { read_bench_records(bad, "f"); }), ErrorCode::kInvalid) << bad;
  }
}

TEST(BenchCompare, PairsByTestAndAppliesGates) {
  const std::vector<BenchRecord> ours = {
      {"m", "pp512", {100, 101, 102}}, {"m", "tg64", {9.0, 9.1, 9.05}}, {"m", "tg8", {1}}};
  const std::vector<BenchRecord> base = {{"m", "tg64", {10, 10.1, 10.05}},
                                         {"m", "pp512", {50, 51, 52}}};
  const auto rows = compare_records(ours, base);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].test, "pp512");
  EXPECT_GT(rows[0].ratio.ratio, 1.9);
  EXPECT_FALSE(gate_missed(parse_gate("tg<-5%"), rows[0]));
  EXPECT_TRUE(gate_missed(parse_gate("tg<-5%"), rows[1]));
  EXPECT_TRUE(gate_missed(parse_gate("<-5"), rows[1]));
  EXPECT_FALSE(gate_missed(parse_gate("tg<-20%"), rows[1]));
  EXPECT_TRUE(gate_missed(parse_gate("pp<150%"), rows[0]));
}

TEST(BenchCompare, WhatIsCountedNeedsNoInterval) {
  const BenchComparison unsure{"same-top", 0.9, 1.0, {0.9, 0.7, 1.1}};
  EXPECT_FALSE(gate_missed(parse_gate("same-top<-5%"), unsure, GateOf::kClock));
  EXPECT_TRUE(gate_missed(parse_gate("same-top<-5%"), unsure, GateOf::kCount));
  EXPECT_FALSE(gate_missed(parse_gate("same-top<-10%"), unsure, GateOf::kCount));
}

TEST(BenchCompare, WhatStandsAtTheEdgeHasNotLostMore) {
  // No pair of these percentages and ratios need be the same number in binary.
  for (int lost = 1; lost < 100; ++lost) {
    const double ratio = (100.0 - lost) / 100.0;
    const BenchGate gate = {"tg", -static_cast<double>(lost)};
    const BenchComparison at{"tg8", 0, 0, {ratio, ratio, ratio}};
    EXPECT_FALSE(gate_missed(gate, at)) << lost;
    const BenchComparison below{"tg8", 0, 0, {ratio - 1e-6, ratio - 1e-6, ratio - 1e-6}};
    EXPECT_TRUE(gate_missed(gate, below)) << lost;
  }
}

TEST(BenchCompare, AGateConcernsTestsByTheBeginningOfTheirNames) {
  EXPECT_TRUE(gate_concerns(parse_gate("tg<-5%"), "tg64@d8"));
  EXPECT_FALSE(gate_concerns(parse_gate("tg<-5%"), "pp64+tg8"));
  EXPECT_TRUE(gate_concerns(parse_gate("<-5%"), "pp64"));
}

TEST(BenchCompare, RefusesWhatIsNoGate) {
  for (const char* bad : {"", "tg", "tg>5%", "tg<", "tg<x%", "tg<-100%", "tg<5%%"}) {
    EXPECT_EQ(error_of([&] { parse_gate(bad); }), ErrorCode::kUsage) << bad;
  }
}

}  // namespace
}  // namespace lathe
