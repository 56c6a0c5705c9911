#include "lathe/sgp/measures.h"

#include <cmath>
#include <gtest/gtest.h>

namespace lathe {
namespace {

SgpRecord record(const std::string& split, int id, std::optional<std::string> extracted,
                 const std::string& answer, const std::string& subject = "color") {
  SgpRecord r;
  r.split = split;
  r.id = std::to_string(id);
  r.subject = subject;
  r.prompt_hash = "p";
  r.extracted = extracted;
  r.answer = answer;
  r.score = extracted == answer ? 1.0 : 0.0;
  return r;
}

TEST(SgpShare, FiguresOfAKnownCase) {
  const std::vector<double> scores = {1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  const SgpShare s = sgp_share(scores, 9, 1);
  EXPECT_EQ(s.count, 10);
  EXPECT_DOUBLE_EQ(s.mean, 0.3);
  EXPECT_NEAR(s.std, std::sqrt(0.21), 1e-15);
  EXPECT_NEAR(s.standard_error, std::sqrt(0.021), 1e-15);
  // Newcombe's and R's prop.test(3, 10, correct = FALSE).
  EXPECT_NEAR(s.low, 0.1077913, 1e-7);
  EXPECT_NEAR(s.high, 0.6032219, 1e-7);
  EXPECT_DOUBLE_EQ(s.answered, 0.9);
}

TEST(SgpShare, EdgesStayInsideZeroAndOne) {
  const std::vector<double> none = {0, 0, 0}, all = {1, 1, 1};
  EXPECT_EQ(sgp_share(none, 0, 0).low, 0.0);
  EXPECT_GT(sgp_share(none, 0, 0).high, 0.5);
  EXPECT_EQ(sgp_share(all, 3, 0).high, 1.0);
  EXPECT_EQ(sgp_share({}, 0, 0).mean, 0.0);
}

TEST(SgpSummary, CountsBySplitAndSubject) {
  std::vector<SgpRecord> records = {
      record("svg", 1, "A", "A", "color"), record("svg", 2, "B", "A", "color"),
      record("svg", 3, std::nullopt, "A", "count"), record("cad", 1, "C", "C", "2D")};
  records.push_back(record("cad", 2, std::nullopt, "C", ""));
  records.back().error = Failure{ErrorCode::kLimit, "too long"};
  records.push_back(record("cad", 3, std::nullopt, "", ""));
  records.back().prompt_hash.clear();
  records.back().error = Failure{ErrorCode::kInvalid, "ragged"};
  const SgpSummary s = summarize_sgp(records);
  EXPECT_EQ(s.overall.count, 4);
  EXPECT_EQ(s.overall.questions(), 6);
  EXPECT_EQ(s.overall.errors, 2);
  EXPECT_DOUBLE_EQ(s.overall.mean, 0.5);
  EXPECT_EQ(s.bad_rows, 1);
  EXPECT_EQ(s.not_run, 1);
  ASSERT_EQ(s.splits.size(), 2u);
  EXPECT_EQ(s.splits[0].name, "cad");
  ASSERT_EQ(s.splits[0].subjects.size(), 1u);
  EXPECT_EQ(s.splits[1].name, "svg");
  EXPECT_DOUBLE_EQ(s.splits[1].share.mean, 1.0 / 3);
  EXPECT_DOUBLE_EQ(s.splits[1].share.answered, 2.0 / 3);
  ASSERT_EQ(s.splits[1].subjects.size(), 2u);
  EXPECT_EQ(s.splits[1].subjects[0].name, "color");
  EXPECT_DOUBLE_EQ(s.splits[1].subjects[0].share.mean, 0.5);
}

TEST(SgpSummary, AllReadingsAreOverTheSameQuestions) {
  std::vector<SgpRecord> records;
  for (int i = 0; i < 4; ++i) records.push_back(record("svg", i, "A", i < 2 ? "A" : "B"));
  records[0].robust = SgpVerdict{"A", 1.0};
  records[1].robust = SgpVerdict{std::nullopt, 0.0};
  records[2].robust = SgpVerdict{"B", 1.0};
  records[2].judge = SgpJudged{"", {"B", 1.0}};
  records[3].error = Failure{ErrorCode::kLimit, "too long"};  // asked by nobody
  const SgpSummary s = summarize_sgp(records);
  EXPECT_EQ(s.overall.count, 3);
  ASSERT_EQ(s.readings.size(), 2u);
  for (const auto& [name, share] : s.readings) EXPECT_EQ(share.count, 3) << name;
  EXPECT_DOUBLE_EQ(s.readings[0].second.mean, 2.0 / 3);
  // Where the judge was not asked the score's own reading counts.
  EXPECT_DOUBLE_EQ(s.readings[1].second.mean, 1.0);
}

TEST(SgpConsistency, IsTheMajoritysShareOfTheSixSets) {
  std::vector<SgpRecord> records;
  const char* answers[6] = {"A", "A", "A", "B", "B", "C"};
  const char* sets[6] = {"inv", "inv_t0", "inv_t1", "inv_t2", "inv_t3", "inv_t4"};
  for (int i = 0; i < 6; ++i) {
    records.push_back(record(sets[i], 1, answers[i], "A"));
    records.push_back(record(sets[i], 2, std::nullopt, "A"));  // never an answer: consistent
  }
  const SgpSummary s = summarize_sgp(records);
  ASSERT_EQ(s.consistency.size(), 1u);
  const SgpConsistency& c = s.consistency[0];
  EXPECT_EQ(c.name, "translation");
  EXPECT_EQ(c.questions, 2);
  EXPECT_DOUBLE_EQ(c.consistency, (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(c.answered, 0.5);
  EXPECT_DOUBLE_EQ(c.accuracy, 0.25);
}

TEST(SgpConsistency, NeedsTwoSetsOfTheSameQuestions) {
  std::vector<SgpRecord> records = {record("inv", 1, "A", "A"), record("svg", 1, "A", "A")};
  EXPECT_TRUE(summarize_sgp(records).consistency.empty());
  records.push_back(record("inv_r0", 2, "A", "A"));
  records.push_back(record("inv_r0", 3, "A", "A"));
  EXPECT_TRUE(summarize_sgp(records).consistency.empty());
  records.push_back(record("inv_r0", 1, "B", "A"));
  const SgpSummary s = summarize_sgp(records);
  ASSERT_EQ(s.consistency.size(), 1u);
  EXPECT_EQ(s.consistency[0].name, "rotation");
  EXPECT_EQ(s.consistency[0].questions, 1);
  EXPECT_DOUBLE_EQ(s.consistency[0].consistency, 0.5);
}

SgpRecord placed(const std::string& split, std::int64_t position, const std::string& id,
                 const char* said, const std::string& subject = "box") {
  SgpRecord r = record(split, 0, said, "A", subject);
  r.id = id;
  r.position = position;
  return r;
}

TEST(SgpConsistency, PairsSetsByPosition) {
  // Numbered within a subject, one number twice, and asked in different orders.
  const std::vector<SgpRecord> records = {placed("inv", 1, "8", "A", "ball"),
                                          placed("inv", 2, "8", "B"),
                                          placed("inv", 3, "9", "C"),
                                          placed("inv", 4, "9", "D"),
                                          placed("inv_t0", 4, "9", "D"),
                                          placed("inv_t0", 2, "8", "B"),
                                          placed("inv_t0", 1, "8", "A", "ball"),
                                          placed("inv_t0", 3, "9", "C")};
  const SgpConsistency c = summarize_sgp(records).consistency.at(0);
  EXPECT_EQ(c.questions, 4);
  EXPECT_DOUBLE_EQ(c.consistency, 1.0);
}

TEST(SgpConsistency, PairsSetsThatNumberTheirRowsByPosition) {
  const std::vector<SgpRecord> records = {
      placed("inv", 1, "inv-1", "A"),       placed("inv", 2, "inv-2", "B"),
      placed("inv_t0", 1, "inv_t0-1", "A"), placed("inv_t0", 2, "inv_t0-2", "B"),
      placed("inv_r0", 1, "x", "A"),        placed("inv_r0", 2, "y", "C")};
  const SgpSummary s = summarize_sgp(records);
  ASSERT_EQ(s.consistency.size(), 2u);
  EXPECT_DOUBLE_EQ(s.consistency[0].consistency, 1.0);
  EXPECT_DOUBLE_EQ(s.consistency[1].consistency, 0.75);
}

TEST(SgpConsistency, LeavesOutWhatNotAllSetsCouldAsk) {
  std::vector<SgpRecord> records = {record("inv", 1, "A", "A"), record("inv", 2, "B", "A"),
                                    record("inv_t0", 1, "A", "A"), record("inv_t0", 2, "A", "A")};
  records[3].error = Failure{ErrorCode::kLimit, "too long"};
  const SgpConsistency c = summarize_sgp(records).consistency.at(0);
  EXPECT_EQ(c.questions, 1);
  EXPECT_EQ(c.not_asked, 1);
  EXPECT_DOUBLE_EQ(c.consistency, 1.0);
  EXPECT_DOUBLE_EQ(c.accuracy, 1.0);
}

// A base run of `n` right answers and ours, of which `lost` went wrong, and `gained` that went the
// other way.
SgpComparison compared(int both, int lost, int gained) {
  std::vector<SgpRecord> ours, base;
  int id = 0;
  const auto add = [&](const char* mine, const char* theirs, int n) {
    for (int i = 0; i < n; ++i) {
      ours.push_back(record("svg", ++id, mine, "A"));
      base.push_back(record("svg", id, theirs, "A"));
    }
  };
  add("A", "A", both);
  add("B", "A", lost);
  add("A", "B", gained);
  return compare_sgp(ours, base);
}

TEST(SgpCompare, ExactMcNemar) {
  // R: binom.test(1, 10)$p.value
  const SgpComparison c = compared(20, 9, 1);
  EXPECT_EQ(c.rows[0].lost, 9);
  EXPECT_EQ(c.rows[0].gained, 1);
  EXPECT_NEAR(c.rows[0].p_value, 0.021484375, 1e-12);
  EXPECT_NEAR(c.rows[0].difference(), -8.0 / 30, 1e-12);
  EXPECT_EQ(c.changed.size(), 10u);
  EXPECT_EQ(compared(5, 0, 0).rows[0].p_value, 1.0);
  EXPECT_EQ(compared(5, 3, 3).rows[0].p_value, 1.0);
  EXPECT_NEAR(compared(0, 5, 0).rows[0].p_value, 2 * std::pow(0.5, 5), 1e-12);
}

TEST(SgpCompare, ChiSquaredBeyondAThousandAgreesWithTheExactTest) {
  // The two sides of the border differ by one question.
  const double exact = compared(0, 540, 460).rows[0].p_value;
  const double approximate = compared(0, 541, 460).rows[0].p_value;
  EXPECT_NEAR(exact, approximate, 0.002);
  EXPECT_NEAR(exact, 0.0125, 0.001);
}

TEST(SgpCompare, SaysWhatOnlyOneSideHas) {
  std::vector<SgpRecord> ours = {record("svg", 1, "A", "A"), record("svg", 2, "A", "A")};
  std::vector<SgpRecord> base = {record("svg", 1, "A", "A"), record("cad", 2, "A", "A")};
  base[0].prompt_hash = "other";
  const SgpComparison c = compare_sgp(ours, base);
  EXPECT_EQ(c.only_ours, 1);
  EXPECT_EQ(c.only_base, 1);
  EXPECT_EQ(c.other_prompt, 1);
  ASSERT_EQ(c.rows.size(), 3u);
  EXPECT_EQ(c.rows[1].name, "svg");
  EXPECT_EQ(c.rows[2].name, "svg/color");
}

TEST(SgpCompare, PairsWithinTheSubject) {
  std::vector<SgpRecord> ours = {record("svg", 8, "A", "A", "ball"),
                                 record("svg", 8, "B", "A", "box")};
  std::vector<SgpRecord> base = {record("svg", 8, "B", "A", "box"),
                                 record("svg", 8, "A", "A", "ball")};
  EXPECT_TRUE(compare_sgp(ours, base).changed.empty());
  // The same names once more: those that were asked the same words belong together.
  ours.push_back(record("svg", 8, "A", "A", "box"));
  base.insert(base.begin(), record("svg", 8, "A", "A", "box"));
  ours.back().prompt_hash = base.front().prompt_hash = "q";
  const SgpComparison c = compare_sgp(ours, base);
  EXPECT_TRUE(c.changed.empty());
  EXPECT_EQ(c.rows[0].count, 3);
  EXPECT_EQ(c.other_prompt, 0);
}

TEST(SgpCompare, LeavesOutWhatOneOfTheTwoCouldNotAsk) {
  std::vector<SgpRecord> ours = {record("svg", 1, "A", "A"), record("svg", 2, "A", "A")};
  std::vector<SgpRecord> base = ours;
  base[1].error = Failure{ErrorCode::kLimit, "too long"};
  base[1].score = 0.0;
  const SgpComparison c = compare_sgp(ours, base);
  EXPECT_EQ(c.rows[0].count, 1);
  EXPECT_EQ(c.rows[0].gained, 0);
  EXPECT_EQ(c.not_asked, 1);
}

TEST(SgpGate, LosingExactlySoMuchIsNotMore) {
  // 3 of 20 beside 4 of 20; in floating point 0.15 - 0.20 is below -0.05.
  EXPECT_FALSE(sgp_gate_missed("", -5.0, SgpPaired{"", 20, 0, 1, 0.15, 0.20, 1.0}));
  for (const std::int64_t count : {3, 7, 10, 29, 49, 300, 1000, 1200}) {
    for (const std::int64_t lost : {1, 2, 3}) {
      const double percent = -100.0 * static_cast<double>(lost) / static_cast<double>(count);
      const SgpPaired exactly{"svg", count, 0, lost, 0.0, 0.0, 1.0};
      EXPECT_FALSE(sgp_gate_missed("svg", percent, exactly)) << lost << " of " << count;
      const SgpPaired more{"svg", count, 0, lost + 1, 0.0, 0.0, 1.0};
      EXPECT_TRUE(sgp_gate_missed("svg", percent, more)) << lost + 1 << " of " << count;
    }
  }
}

TEST(SgpGate, IsInPercentagePoints) {
  const SgpPaired row{"svg", 100, 0, 3, 0.47, 0.50, 0.25};
  EXPECT_TRUE(sgp_gate_missed("svg", -2.0, row));
  EXPECT_FALSE(sgp_gate_missed("svg", -3.5, row));
  EXPECT_FALSE(sgp_gate_missed("cad", -2.0, row));
  EXPECT_FALSE(sgp_gate_missed("", -2.0, row));
}

}  // namespace
}  // namespace lathe
