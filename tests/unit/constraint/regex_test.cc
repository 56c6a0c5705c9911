// Regular expressions as grammars of whole texts.
#include <gtest/gtest.h>

#include "lathe/constraint.h"

#include "support/refusal.h"

namespace lathe {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Grammar::regex(pattern)->match(text).complete;
}

TEST(GrammarRegex, MatchesWholeTexts) {
  EXPECT_TRUE(matches("a+(b|cd)?", "aacd"));
  EXPECT_FALSE(matches("a+(b|cd)?", "aac"));
  EXPECT_TRUE(matches("^a|b$", "b"));
  EXPECT_FALSE(matches("^a|b$", "ab"));
  EXPECT_TRUE(matches("^(?:x{2,3}?)$", "xxx"));
  EXPECT_TRUE(matches("", ""));
}

TEST(GrammarRegex, KnowsClassesAndEscapes) {
  EXPECT_TRUE(matches("\\d\\w\\s\\D\\W\\S.", "1_\xc2\xa0-é?あ"));
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_FALSE(matches("\\d", "\xd9\xa1"));  // an Arabic digit
  EXPECT_TRUE(matches("[^a-c\\]\\-]{2}", "d\xf0\x9f\x98\x80"));
  EXPECT_TRUE(matches("\\x41\\u00e9\\u{1F600}\\ud83d\\ude00\\cJ\\/",
                      "Aé\xf0\x9f\x98\x80\xf0\x9f\x98\x80\n/"));
  EXPECT_TRUE(matches("\\p{Lu}\\P{L}\\p{Nd}", "É-٣"));
  EXPECT_TRUE(matches("a{,2}{", "a{,2}{"));
}

TEST(GrammarRegex, StaysWithinBoundsForHostileExpressions) {
  EXPECT_TRUE(matches("(a*)*(a|aa)+(a?){1000000000}", std::string(3000, 'a')));
  EXPECT_FALSE(matches("((a+)+)+b", std::string(3000, 'a')));
  EXPECT_TRUE(matches("(x{1000}){1000,2000000000}y?", std::string(1000 * 1000, 'x')));
}

TEST(GrammarRegex, RefusesByNameWhatNoGrammarCanDo) {
  const auto refuse = [](std::string_view pattern, ErrorCode code, std::string_view message) {
    test::expect_refused(code, message, [&] { Grammar::regex(pattern); });
  };
  refuse("a(?=b)", ErrorCode::kUnsupported, "at byte 2: looking ahead");
  refuse("(a)\\1", ErrorCode::kUnsupported, "a reference to a group");
  refuse("\\bword", ErrorCode::kUnsupported, "a word boundary");
  refuse("a^b", ErrorCode::kUnsupported, "^ and $ are supported at the ends");
  refuse("\\p{Greek}", ErrorCode::kUnsupported, "the property \"Greek\"");
  refuse("(a", ErrorCode::kInvalid, "at byte 0: this group is not closed");
  refuse("a)", ErrorCode::kInvalid, "at byte 1: this ) closes nothing");
  refuse("[a", ErrorCode::kInvalid, "not closed");
  refuse("*a", ErrorCode::kInvalid, "nothing in front");
  refuse("a{3,1}", ErrorCode::kInvalid, "ends below");
  refuse("a{99999999999}", ErrorCode::kLimit, "a count can be");
  refuse("\\q", ErrorCode::kInvalid, "is no escape");
  refuse("[]", ErrorCode::kInvalid, "allows no text");
}

}  // namespace
}  // namespace lathe
