// Regular expressions: what is rewritten, what is refused, and that matching ends.
#include "base/regex.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/refusal.h"

namespace lathe {
namespace {

std::vector<std::string> matches(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern, "t.json");
  RegexScratch scratch;
  RegexMatches all(regex, text, scratch);
  std::vector<std::string> out;
  for (Regex::Match match; all.next(match);) {
    out.emplace_back(text.substr(match.begin, match.end - match.begin));
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(Regex, RepetitionsAreWhatTheyWereBeforeTheyWereCounted) {
  EXPECT_EQ(matches("a+b?", "aab a aa b"), (Texts{"aab", "a", "aa"}));
  EXPECT_EQ(matches("(?:ab){2,3}", "abababab ab"), (Texts{"ababab"}));
  EXPECT_EQ(matches("x{,2}y", "xxxy y"), (Texts{"xxy", "y"}));
  EXPECT_EQ(matches("a{x", "a{x"), (Texts{"a{x"}));
  EXPECT_EQ(matches("\\p{L}{1,2}", "abc"), (Texts{"ab", "c"}));
  EXPECT_EQ(matches("é+", "eééa"), (Texts{"éé"}));
  EXPECT_EQ(matches("\\x41+\\x{42}*", "AABB"), (Texts{"AABB"}));
  EXPECT_EQ(matches("(a|b)\\1+", "aab abb bbb"), (Texts{"aa", "bb", "bbb"}));
  EXPECT_EQ(matches("a+?", "aa"), (Texts{"a", "a"}));
  EXPECT_EQ(matches("a++b", "aab"), (Texts{"aab"}));
  EXPECT_EQ(matches("(?i:it)'s|(?<!b)c+", "IT's bc cc"), (Texts{"IT's", "cc"}));
  EXPECT_EQ(matches("(?i)x+(?#two)", "xX"), (Texts{"xX"}));
  EXPECT_EQ(matches("[]a]+", "]a]"), (Texts{"]a]"}));
  EXPECT_EQ(matches("[^]a]+", "b]c"), (Texts{"b", "c"}));
  EXPECT_EQ(matches("[[:alpha:]_]+", "a_b c"), (Texts{"a_b", "c"}));
}

TEST(Regex, ScriptsAreWithoutTheirExtensions) {
  EXPECT_EQ(matches("\\p{Han}+", "河水。々ー"), (Texts{"河水", "々"}));
  EXPECT_EQ(matches("[\\p{^Han}]+|\\P{Latin}", "a。河"), (Texts{"a。", "河"}));
  EXPECT_EQ(matches("\\p{Lu}\\p{L}\\p{Alphabetic}", "Abc"), (Texts{"Abc"}));
}

TEST(Regex, SetsIntersect) {
  // Lu and Ll, but of no script that is called Han: by categories, and by looking ahead.
  EXPECT_EQ(matches("[\\p{Lu}\\p{Lo}&&[^\\p{Han}]]+", "AB河ไC"), (Texts{"AB", "ไC"}));
  EXPECT_EQ(matches("[a-z&&[^aeiou]]+", "stone"), (Texts{"st", "n"}));
  EXPECT_EQ(matches("[a-z&&[aeiou]]+", "queue x"), (Texts{"ueue"}));
}

TEST(Regex, WhatTheDialectsReadDifferentlyIsRefused) {
  for (const char* pattern :
       {"[a&&b]", "[^a&&[b]]", "[a[b]]", "[a&&[b]c]", "a{2}+", "a{2}?", "a**", "(?R)", "(?1)",
        "(?(1)a)", "(*ACCEPT)", "(?m)a", "(?s:a)", "(?C)", "(?|a)", "\\Qa\\E", "\\G"}) {
    test::expect_refused(ErrorCode::kUnsupported, "t.json", [&] { matches(pattern, "a"); });
  }
  for (const char* pattern : {"(", "[a", "a)", "*"}) {
    EXPECT_EQ(test::error_of([&] { matches(pattern, "a"); }), ErrorCode::kInvalid) << pattern;
  }
}

// Steps for all matches in a text, or none when it is refused for too many.
std::uint64_t steps(const Regex& regex, const std::string& text) {
  RegexScratch scratch;
  RegexMatches all(regex, text, scratch);
  try {
    for (Regex::Match match; all.next(match);) {
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimit) << error.what();
  }
  return scratch.steps();
}

std::string repeat(std::string_view part, std::size_t bytes) {
  std::string out;
  while (out.size() < bytes) out += part;
  return out;
}

TEST(Regex, PatternsOfRealTokenizersTakeAFewStepsAByte) {
  constexpr const char* kPatterns[] = {
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
  for (const char* pattern : kPatterns) {
    const Regex regex(pattern, "t.json");
    for (const char* part : {" ", "a", "A", "\n", "1", "=", "河", "a b ", "It's 12 o'clock.\n"}) {
      const std::string text = repeat(part, 100000) + "x";
      EXPECT_LT(steps(regex, text), 20 * text.size()) << pattern << " on " << part;
    }
  }
}

TEST(Regex, HostilePatternsEndInAnErrorSoon) {
  // Each looks at the rest of the text from every place, or at every way to read it.
  for (const char* pattern : {R"((?=[\s\S]*Z)x|[\s\S])", R"((?:(?![\s\S]*Z)[\s\S])+)", "(a|aa)+$",
                              "(a+)+z", "((a*)*)*z", "(.*.*.*.*.*)*z", R"(\s+$)", "a*z|a",
                              R"((?:(?=[\s\S]*+)a)+)", "(?:a|)(?:a|)(?:a|)(?:a|)(?:a|)(?:a|)+z|a",
                              R"((?=(?:\d{3})+(?!\d)))", R"([\s\S]*+Z|[\s\S]*+Y|[\s\S])"}) {
    const Regex regex(pattern, "t.json");
    for (const char* part : {"a", " ", "ab "}) {
      const std::string text = repeat(part, 30000);
      EXPECT_LT(steps(regex, text + "b"), (1u << 25) + 600 * text.size()) << pattern;
      const std::string half = text.substr(0, text.size() / 2);
      EXPECT_LT(steps(regex, text + "b"), 3 * steps(regex, half + "b") + 1000) << pattern;
    }
  }
  std::string optional = repeat("a?", 60) + repeat("a", 30) + "b";
  EXPECT_LT(steps(Regex(optional, "t.json"), repeat("a", 30)), 1u << 25);
}

TEST(Regex, ManyAlternativesCostByTheirNumber) {
  std::string pattern;
  for (int i = 0; i < 3000; ++i) pattern += (i == 0 ? "xb" : "|xa") + std::to_string(i % 10);
  const Regex regex(pattern, "t.json");
  EXPECT_LT(steps(regex, repeat("xx", 1 << 20)), std::uint64_t{1} << 30);
}

TEST(Regex, ATextDoesNotPayForEarlierOnes) {
  const Regex hostile(R"((?=[\s\S]*Z)x|[\s\S])", "t.json"), plain("a+", "t.json");
  RegexScratch scratch;
  const std::string text(100000, 'a');
  Regex::Match match;
  EXPECT_EQ(test::error_of([&] {
              for (std::size_t at = 0; hostile.find(text, at, scratch, match); at = match.end) {
              }
            }),
            ErrorCode::kLimit);
  scratch.begin_text();
  EXPECT_TRUE(plain.find(text, 0, scratch, match));
}

}  // namespace
}  // namespace lathe
