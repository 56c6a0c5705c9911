// What grammars in GBNF mean, and what their errors say.
#include "constraint/gbnf.h"

#include <gtest/gtest.h>

#include "lathe/constraint.h"
#include "lathe/error.h"

#include "support/refusal.h"

namespace lathe {
namespace {

bool accepts(const Grammar& grammar, std::string_view text) { return grammar.match(text).complete; }

std::shared_ptr<const Grammar> grammar(std::string_view text) { return Grammar::gbnf(text, "g"); }

TEST(Gbnf, ReadsSequencesAlternativesGroupsAndRepetitions) {
  const auto g =
      grammar("root ::= \"a\" (\"b\" | \"c\" \"d\"){2,3} x? # a comment\nx ::= [0-9]+\n");
  for (const char* text : {"abb", "abcdb", "acdcdcd", "abb7", "abbb123"}) {
    EXPECT_TRUE(accepts(*g, text)) << text;
  }
  for (const char* text : {"", "a", "ab", "abbbb", "abc", "abbx", "abb7 "}) {
    EXPECT_FALSE(accepts(*g, text)) << text;
  }
}

TEST(Gbnf, ReadsSetsOfCharactersInUtf8) {
  const auto g = grammar("root ::= [ぁ-ゟé\\u00df] [^a-z\\n] .");
  EXPECT_TRUE(accepts(*g, "あA\n"));
  EXPECT_TRUE(accepts(*g, "é\xf0\x9f\x98\x80x"));
  EXPECT_TRUE(accepts(*g, "ß-é"));
  EXPECT_FALSE(accepts(*g, "e-x"));
  EXPECT_FALSE(accepts(*g, "éax"));
  EXPECT_FALSE(accepts(*g, "é\nx"));
  EXPECT_FALSE(accepts(*g, "é\xf0\x9f\x98"));
}

TEST(Gbnf, ReadsRecursionOnTheLeftInTheMiddleAndOnTheRight) {
  const auto left = grammar("root ::= root \"+\" [0-9] | [0-9]");
  EXPECT_TRUE(accepts(*left, "1+2+3+4"));
  EXPECT_FALSE(accepts(*left, "1+2+"));
  const auto middle = grammar("root ::= \"(\" root \")\" | \"\"");
  EXPECT_TRUE(accepts(*middle, "((((()))))"));
  EXPECT_FALSE(accepts(*middle, "((())"));
  const auto right = grammar("root ::= \"a\" root | \"b\"");
  EXPECT_TRUE(accepts(*right, std::string(100000, 'a') + "b"));
}

TEST(Gbnf, HoldsAmbiguousGrammarsWithinBounds) {
  const auto g = grammar("root ::= root root | \"a\" | \"\"");
  EXPECT_TRUE(accepts(*g, std::string(200, 'a')));
  const auto spaces = grammar("root ::= (s s s)* \"x\"\ns ::= \" \"* | s s");
  EXPECT_TRUE(accepts(*spaces, std::string(50, ' ') + "x"));
}

TEST(Gbnf, CountsWithoutUnrolling) {
  const auto g = grammar("root ::= ([a-c] \"-\"?){3,1000000000} \"!\"");
  EXPECT_TRUE(accepts(*g, "ab-c!"));
  EXPECT_FALSE(accepts(*g, "ab-!"));
  EXPECT_TRUE(accepts(*g, std::string(5000, 'b') + "!"));
  const auto exact = grammar("root ::= ([a-c]{100} \"\\n\"){50}");
  std::string text;
  for (int i = 0; i < 50; ++i) text += std::string(100, 'a') + "\n";
  EXPECT_TRUE(accepts(*exact, text));
  EXPECT_FALSE(accepts(*exact, text + "a"));
  EXPECT_FALSE(accepts(*exact, text.substr(1)));
}

TEST(Gbnf, CountsRoundsThatMayBeEmpty) {
  const auto g = grammar("root ::= (\"a\"? \"b\"?){40,1000000000} \"c\"");
  EXPECT_TRUE(accepts(*g, "c"));
  EXPECT_TRUE(accepts(*g, "ababbac"));
}

TEST(Gbnf, SaysHowFarATextGoes) {
  const auto g = grammar("root ::= \"one\" | \"only\"");
  EXPECT_EQ(g->match("onx").read, 2u);
  EXPECT_EQ(g->match("on").read, 2u);
  EXPECT_FALSE(g->match("on").complete);
  EXPECT_EQ(g->match("only!").read, 4u);
}

TEST(Gbnf, ForgetsRulesThatLeadNowhere) {
  const auto g = grammar("root ::= \"a\" dead | \"ab\"\ndead ::= \"b\" dead");
  EXPECT_TRUE(accepts(*g, "ab"));
  EXPECT_EQ(g->match("abb").read, 2u);
}

TEST(Gbnf, NamesLineAndColumnOfErrors) {
  const auto expect = [](std::string_view text, ErrorCode code, const char* message) {
    test::expect_refused(code, message, [&] { grammar(text); });
  };
  expect("root ::= \"a\"\nx := 1", ErrorCode::kInvalid, "line 2, column 3: ::=");
  expect("root ::= é", ErrorCode::kInvalid, "line 1, column 10");
  expect("root ::= missing", ErrorCode::kInvalid,
         "line 1, column 10: the rule \"missing\" is used");
  expect("root ::= \"a", ErrorCode::kInvalid, "line 1, column 10: this text has no closing quote");
  expect("root ::= [z-a]", ErrorCode::kInvalid, "line 1, column 11: this range");
  expect("root ::= (\"a\"", ErrorCode::kInvalid, "line 1, column 10: this group");
  expect("root ::= \"a\"{3,2}", ErrorCode::kInvalid, "line 1, column 13");
  expect("root ::= <think>", ErrorCode::kUnsupported, "line 1, column 10");
  expect("root ::= \"\\q\"", ErrorCode::kInvalid, "is no escape");
  expect("root ::= \"a\"\nroot ::= \"b\"", ErrorCode::kInvalid, "line 2, column 1: the rule");
  expect("x ::= \"a\"", ErrorCode::kInvalid, "no rule named root");
  expect("root ::= root \"a\"", ErrorCode::kInvalid, "allows no text");
}

}  // namespace
}  // namespace lathe
