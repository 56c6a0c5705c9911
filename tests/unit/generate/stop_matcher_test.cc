#include "generate/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/pcg.h"

namespace lathe {
namespace {

struct Outcome {
  std::string text;
  std::string match;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    outcome.text += matcher.push(piece);
    if (matcher.matched()) return {outcome.text, matcher.match()};
  }
  outcome.text += matcher.finish();
  return outcome;
}

TEST(StopMatcher, FindsAStopAcrossPieces) {
  EXPECT_EQ(run({"STOP"}, {"abcS", "T", "OPdef"}), (Outcome{"abc", "STOP"}));
  EXPECT_EQ(run({"\n\n"}, {"one\n", "\ntwo"}), (Outcome{"one", "\n\n"}));
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBecomeAStop) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("abE"), "ab");
  EXPECT_EQ(matcher.push("N"), "");
  EXPECT_EQ(matcher.push("x"), "ENx");
  EXPECT_EQ(matcher.push("E"), "");
  EXPECT_EQ(matcher.finish(), "E");
}

TEST(StopMatcher, OverlappingBeginningsAreNotLost) {
  EXPECT_EQ(run({"aab"}, {"a", "a", "a", "b", "c"}), (Outcome{"a", "aab"}));
  EXPECT_EQ(run({"abac"}, {"aba", "bac"}), (Outcome{"ab", "abac"}));
}

TEST(StopMatcher, TheStopThatIsCompleteFirstWins) {
  EXPECT_EQ(run({"bcd", "c"}, {"abcd"}), (Outcome{"ab", "c"}));
  EXPECT_EQ(run({"c", "abc"}, {"xabc"}), (Outcome{"x", "abc"}));
  EXPECT_EQ(run({"abc", "c"}, {"xabc"}), (Outcome{"x", "abc"}));
}

TEST(StopMatcher, WithoutStopsTextPassesThrough) {
  EXPECT_EQ(run({}, {"a", "b"}), (Outcome{"ab", ""}));
  EXPECT_EQ(run({""}, {"a", "b"}), (Outcome{"ab", ""}));
}

TEST(StopMatcher, TheCutOfTheTextDoesNotMatter) {
  Pcg32 random(9);
  for (int round = 0; round < 3000; ++round) {
    const auto word = [&](std::size_t n) {
      std::string s;
      for (std::size_t i = 0; i < n; ++i) s += static_cast<char>('a' + random.next() % 2);
      return s;
    };
    std::vector<std::string> stops;
    for (std::uint32_t i = 0; i < 1 + random.next() % 3; ++i)
      stops.push_back(word(2 + random.next() % 5));
    const std::string text = word(30);
    std::vector<std::string> letters, cuts;
    for (const char c : text) letters.emplace_back(1, c);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = 1 + random.next() % 6;
      cuts.push_back(text.substr(at, n));
      at += n;
    }
    ASSERT_EQ(run(stops, letters), run(stops, cuts)) << text;
    ASSERT_EQ(run(stops, letters), run(stops, {text})) << text;
  }
}

}  // namespace
}  // namespace lathe
