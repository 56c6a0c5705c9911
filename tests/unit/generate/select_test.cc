#include "generate/select.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

#include "base/pcg.h"

namespace lathe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<TokenId> sorted_ids(std::vector<RankedLogit> ranked) {
  std::sort(ranked.begin(), ranked.end(), ranks_before);
  std::vector<TokenId> ids;
  for (const RankedLogit& r : ranked) ids.push_back(r.id);
  return ids;
}

TEST(Select, LargestTakesTheLowestIdAtATie) {
  EXPECT_EQ(largest(std::vector<float>{1, 3, 3, 2})->id, 1);
  EXPECT_EQ(largest(std::vector<float>{kNan, -5, kNan})->id, 1);
  EXPECT_EQ(largest(std::vector<float>{-1, kInfinity})->id, 1);
  EXPECT_FALSE(largest(std::vector<float>{kNan, -kInfinity}));
  EXPECT_FALSE(largest({}));
}

TEST(Select, MatchesAFullSort) {
  Pcg32 random(3);
  for (int round = 0; round < 300; ++round) {
    const std::size_t n = 1 + random.next() % 400;
    std::vector<float> values(n);
    // Few different values, so that there are many ties; some are no numbers.
    for (float& v : values) {
      v = static_cast<float>(random.next() % 20);
      if (random.next() % 15 == 0) v = kNan;
      if (random.next() % 15 == 0) v = -kInfinity;
    }
    std::vector<RankedLogit> all;
    for (std::size_t i = 0; i < n; ++i) {
      if (values[i] > -kInfinity) all.push_back({static_cast<TokenId>(i), values[i]});
    }
    std::sort(all.begin(), all.end(), ranks_before);
    const std::size_t k = random.next() % (n + 3);
    all.resize(std::min(all.size(), k));

    std::vector<RankedLogit> chosen;
    select_largest(values, static_cast<std::int64_t>(k), chosen);
    ASSERT_EQ(sorted_ids(chosen), sorted_ids(all)) << "n " << n << " k " << k;
  }
}

TEST(Select, IncreasingValuesAreTheWorstCaseAndStillRight) {
  std::vector<float> values(100000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  std::vector<RankedLogit> chosen;
  select_largest(values, 3, chosen);
  EXPECT_EQ(sorted_ids(chosen), (std::vector<TokenId>{99999, 99998, 99997}));
  select_largest(values, std::numeric_limits<std::int64_t>::max(), chosen);
  EXPECT_EQ(chosen.size(), values.size());
}

}  // namespace
}  // namespace lathe
