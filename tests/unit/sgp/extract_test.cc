#include "lathe/sgp/extract.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

using Text = std::optional<std::string>;

SgpQuestion choice(const std::string& answer) {
  SgpQuestion question;
  question.options = {"red", "green", "a blue door", "yellow"};
  question.answer = answer;
  return question;
}

Text letter(const std::string& response) { return extract_letter(response, "ABCD"); }

TEST(SgpReference, TakesTheFirstMatch) {
  EXPECT_EQ(letter("Answer: B\nno, Answer: C"), "B");
  EXPECT_EQ(letter("Answer: none of these. Answer: C"), "C");
  EXPECT_EQ(letter("the final ANSWER :\n\n D."), "D");
}

TEST(SgpReference, QuirkSmallLetterMatchesAndScoresWrong) {
  const SgpVerdict verdict = score_reference(choice("B"), "answer: b");
  EXPECT_EQ(verdict.extracted, "b");
  EXPECT_EQ(verdict.score, 0.0);
}

TEST(SgpReference, QuirkBecauseSaysB) {
  const SgpVerdict verdict = score_reference(choice("B"), "Answer: Because it is red");
  EXPECT_EQ(verdict.extracted, "B");
  EXPECT_EQ(verdict.score, 1.0);
}

TEST(SgpReference, QuirkEmphasisHidesTheAnswer) {
  const SgpVerdict verdict = score_reference(choice("B"), "**Answer:** B");
  EXPECT_EQ(verdict.extracted, std::nullopt);
  EXPECT_EQ(verdict.score, 0.0);
}

TEST(SgpReference, QuirkBracketsAndWordsHideTheAnswer) {
  EXPECT_EQ(letter("Answer: (B)"), std::nullopt);
  EXPECT_EQ(letter("The answer is B"), std::nullopt);
  EXPECT_EQ(letter("Answer: $B"), std::nullopt);
}

TEST(SgpReference, QuirkUnicodeSpacesAndTheLongS) {
  EXPECT_EQ(letter("Answer\u00a0:\u3000B"), "B");
  EXPECT_EQ(letter("An\u017fwer: B"), "B");
  EXPECT_EQ(letter("Answer\u200b: B"), std::nullopt);  // a zero-width space is none
}

TEST(SgpReference, OtherNumbersOfOptions) {
  EXPECT_EQ(extract_letter("Answer: E", "AB"), std::nullopt);
  EXPECT_EQ(extract_letter("Answer: E", "ABCDE"), "E");
}

TEST(SgpReference, FreeAnswers) {
  EXPECT_EQ(extract_free("Answer: 7 or so\nAnswer: 8"), "7 or so");
  EXPECT_EQ(extract_free("Answer:\n\n 7"), "7");
  EXPECT_EQ(extract_free("Answer:"), std::nullopt);
  EXPECT_EQ(extract_free("Answer:\n\n"), std::nullopt);
  // The pattern gives back spaces, but no newline.
  EXPECT_EQ(extract_free("Answer:  \n"), " ");
  EXPECT_EQ(extract_free("Answer:\n\xc2\xa0\n"), "\xc2\xa0");
}

TEST(SgpReference, FreeAnswersAreNumbersFirst) {
  EXPECT_TRUE(same_free_answer("7", "7.0"));
  EXPECT_TRUE(same_free_answer(" 7. ", "7"));
  EXPECT_TRUE(same_free_answer("$7$", "7"));
  EXPECT_TRUE(same_free_answer("\\boxed{7}", "+7"));
  EXPECT_TRUE(same_free_answer("1e1", "10"));
  EXPECT_FALSE(same_free_answer("7", "8"));
  EXPECT_FALSE(same_free_answer("7 or so", "7"));
  EXPECT_TRUE(same_free_answer(" seven ", "seven"));
  EXPECT_FALSE(same_free_answer("nan", "NaN"));  // text, not numbers
  EXPECT_FALSE(same_free_answer("", "0"));
}

TEST(SgpJudge, ReadsItsOwnPattern) {
  EXPECT_EQ(extract_judged("Extracted answer: C", "ABCD"), "C");
  EXPECT_EQ(extract_judged("Answer: C", "ABCD"), std::nullopt);
  EXPECT_EQ(extract_judged("extracted answer : none", "ABCD"), std::nullopt);
}

Text robust(const std::string& response) { return score_robust(choice("B"), response).extracted; }

TEST(SgpRobust, LooksThroughEmphasisAndCase) {
  for (const char* response : {"Answer: B",
                               "answer: b",
                               "**Answer:** B",
                               "**Answer: B**",
                               "Answer: (B)",
                               "Answer: \"b\".",
                               "The correct answer is B.",
                               "the answer would be **b**",
                               "Answer: $B$",
                               "\\boxed{B}",
                               "Answer: $\\boxed{\\text{B}}$",
                               "So the answer is option B",
                               "Answer: B) green",
                               "Answer: B green",
                               "Answer: green",
                               "The answer is **Green**.",
                               "Answer:\nB",
                               "B",
                               "(b)",
                               "B.",
                               "B) green",
                               "thinking...\n\nB",
                               "Answer - not C, so:\nAnswer = B"}) {
    EXPECT_EQ(robust(response), "B") << response;
  }
}

TEST(SgpRobust, ReadsFullWidthAndTypographicSigns) {
  for (const char* response :
       {"Answer\uff1aB", "Answer\u00a0:\u00a0B", "The\u00a0answer\u202fis \u201cB\u201d.",
        "Answer:\u3000\uff22", "\uff08B\uff09", "B\uff09\u00a0green"}) {
    EXPECT_EQ(robust(response), "B") << response;
  }
}

TEST(SgpRobust, ALetterWithAMarkAloneIsAnAnswer) {
  EXPECT_EQ(robust("A) 3"), "A");
  EXPECT_EQ(robust("  (b) because it is so\n"), "B");
  EXPECT_EQ(robust("B. I see grass"), "B");
  EXPECT_EQ(robust("A) green"), std::nullopt);  // another one's option
  EXPECT_EQ(robust("e.g. green things"), std::nullopt);
  EXPECT_EQ(robust("It has two doors.\nA) 3"), std::nullopt);
}

TEST(SgpRobust, TheOnlyOptionThatIsSaidIsAnAnswer) {
  EXPECT_EQ(robust("B) green\n\nGrass has that color."), "B");
  EXPECT_EQ(robust("A) red\nB) green\nC) a blue door\nD) yellow"), std::nullopt);
  EXPECT_EQ(robust("A) red\nis what I thought first.\nB) green"), "B");
  EXPECT_EQ(robust("A) red\nB) green\nC) a blue door\nD) yellow\n\nAnswer: B"), "B");
}

TEST(SgpRobust, TheLastStatementWins) {
  EXPECT_EQ(robust("Answer: C. Wait, no.\nAnswer: B"), "B");
  EXPECT_EQ(robust("Answer: B\nThe other choices: A, C and D are wrong."), "B");
}

TEST(SgpRobust, AnArticleIsNoAnswer) {
  EXPECT_EQ(robust("The answer is a matter of taste"), std::nullopt);
  EXPECT_EQ(robust("Answer: A matter of taste"), std::nullopt);
  EXPECT_EQ(robust("The answer is a blue door"), "C");
  EXPECT_EQ(robust("Answer: A red"), "A");  // its option follows
  EXPECT_EQ(robust("Answer: A"), "A");
}

TEST(SgpRobust, WordsAreNoLetters) {
  EXPECT_EQ(robust("Answer: Because it is so"), std::nullopt);
  EXPECT_EQ(robust("I don't know"), std::nullopt);
  EXPECT_EQ(robust("Dogs"), std::nullopt);
  EXPECT_EQ(robust(""), std::nullopt);
  EXPECT_EQ(robust("E"), std::nullopt);
}

TEST(SgpRobust, FreeAnswers) {
  SgpQuestion question;
  question.answer = "7";
  for (const char* response : {"Answer: 7", "**Answer:** 7", "The answer is 7.", "\\boxed{7}", "7",
                               "Answer: 3\nNo: the answer is 7"}) {
    EXPECT_EQ(score_robust(question, response).score, 1.0) << response;
  }
  EXPECT_EQ(score_robust(question, "seven").extracted, std::nullopt);
  EXPECT_EQ(score_robust(question, "Answer: 8").score, 0.0);
}

}  // namespace
}  // namespace lathe
