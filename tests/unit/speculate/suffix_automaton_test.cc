#include "speculate/suffix_automaton.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace lathe {
namespace {

using Text = std::vector<TokenId>;

// Where `part` ends in `text`, as many times as it does.
std::vector<std::size_t> ends_of(std::span<const TokenId> part, std::span<const TokenId> text) {
  std::vector<std::size_t> out;
  for (std::size_t end = part.size(); end <= text.size(); ++end) {
    const auto there = text.subspan(end - part.size(), part.size());
    if (std::equal(part.begin(), part.end(), there.begin())) out.push_back(end);
  }
  return out;
}

// By looking everywhere: the longest suffix of `text` that also ends earlier.
std::size_t repeated_length(std::span<const TokenId> text) {
  for (std::size_t length = text.size(); length > 0; --length) {
    if (ends_of(text.last(length), text).size() > 1) return length;
  }
  return 0;
}

Text random_text(std::mt19937& random, std::size_t size, std::uint32_t tokens) {
  Text text(size);
  for (TokenId& token : text) token = static_cast<TokenId>(random() % tokens);
  return text;
}

TEST(SuffixAutomaton, KnowsTheLongestSuffixThatWasThereBefore) {
  std::mt19937 random(1);
  for (const std::uint32_t tokens : {1u, 2u, 3u, 9u}) {
    const Text text = random_text(random, 150, tokens);
    SuffixAutomaton automaton;
    for (std::size_t n = 1; n <= text.size(); ++n) {
      automaton.touch();
      automaton.append(text[n - 1]);
      const auto so_far = std::span(text).first(n);
      const SuffixAutomaton::Match match = automaton.repeated();
      ASSERT_EQ(match.length, repeated_length(so_far)) << n << " of " << tokens;
      if (match.length == 0) continue;
      // What it says followed did follow somewhere.
      const auto after = automaton.after(match, 5);
      ASSERT_FALSE(after.empty());
      Text whole(so_far.last(match.length).begin(), so_far.end());
      whole.insert(whole.end(), after.begin(), after.end());
      EXPECT_FALSE(ends_of(whole, so_far).empty());
    }
  }
}

TEST(SuffixAutomaton, FollowsATextThatIsReadBesideIt) {
  std::mt19937 random(2);
  const Text text = random_text(random, 200, 4);
  const Text beside = random_text(random, 200, 5);
  SuffixAutomaton automaton;
  for (const TokenId token : text) automaton.append(token);
  SuffixAutomaton::Match match;
  for (std::size_t n = 1; n <= beside.size(); ++n) {
    match = automaton.advance(match, beside[n - 1]);
    std::size_t want = n;
    while (ends_of(std::span(beside).subspan(n - want, want), text).empty()) --want;
    ASSERT_EQ(match.length, want) << n;
  }
}

TEST(SuffixAutomaton, TakesTheLatestPlaceThatItSaw) {
  SuffixAutomaton automaton;
  for (const TokenId token : {7, 1, 7, 2, 7}) {
    automaton.touch();
    automaton.append(token);
  }
  EXPECT_EQ(automaton.repeated().length, 1u);
  EXPECT_EQ(automaton.after(automaton.repeated(), 1).front(), 2);
}

TEST(SuffixAutomaton, TextsEndWhereTheyEnd) {
  SuffixAutomaton automaton;
  for (const TokenId token : {1, 2, 3}) automaton.append(token);
  automaton.begin_text();
  for (const TokenId token : {3, 4, 1, 2}) automaton.append(token);
  SuffixAutomaton::Match match;
  for (const TokenId token : {1, 2}) match = automaton.advance(match, token);
  EXPECT_EQ(match.length, 2u);
  const auto after = automaton.after(match, 9);
  EXPECT_EQ(Text(after.begin(), after.end()), Text{3});
  match = automaton.advance(match, 3);
  EXPECT_EQ(match.length, 3u);
  EXPECT_TRUE(automaton.after(match, 9).empty());
  match = automaton.advance(match, 4);  // not behind 3 of the first text
  EXPECT_EQ(match.length, 2u);
}

TEST(SuffixAutomaton, NothingFollowsWhatNeverWas) {
  SuffixAutomaton automaton;
  EXPECT_EQ(automaton.repeated().length, 0u);
  EXPECT_TRUE(automaton.after(automaton.repeated(), 3).empty());
  EXPECT_EQ(automaton.advance({}, 5).length, 0u);
}

}  // namespace
}  // namespace lathe
