#include "lathe/sgp/prompts.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

SgpQuestion four() {
  SgpQuestion question;
  question.question = "Q?";
  question.options = {"one", "two", "three", "four"};
  return question;
}

TEST(SgpPrompts, MultipleChoiceIsTheReferences) {
  EXPECT_EQ(
      sgp_user_message(four()),
      "Answer the following multiple choice question. The last line of your response should "
      "be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of "
      "ABCD. Think step by step before answering.\n\nQ?\n\nA) one\nB) two\nC) three\nD) four");
}

TEST(SgpPrompts, OtherNumbersOfOptionsNameTheirLetters) {
  SgpQuestion question = four();
  question.options = {"yes", "no"};
  const std::string text = sgp_user_message(question);
  EXPECT_NE(text.find("one of AB. Think"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\n\nA) yes\nB) no"));
}

TEST(SgpPrompts, FreeAnswersAreTheReferences) {
  SgpQuestion question;
  question.question = "Q?";
  EXPECT_EQ(
      sgp_user_message(question),
      "Solve the following problem step by step. The last line of your response should be of "
      "the form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the "
      "problem.\n\nQ?\n\nImportant, put your answer on its own line after \"Answer:\", and you "
      "do not need to use a \\boxed command.");
}

TEST(SgpPrompts, SystemMessageGoesByTheModelsName) {
  EXPECT_TRUE(sgp_uses_system_message("Meta-Llama-3.1-8B-Instruct"));
  EXPECT_TRUE(sgp_uses_system_message(""));
  for (const char* name : {"gemma-2b-it", "Mistral-7B-Instruct-v0.3", "StarCoder2-15b"}) {
    EXPECT_FALSE(sgp_uses_system_message(name)) << name;
  }
  EXPECT_EQ(sgp_messages(four(), "").size(), 1u);
  const auto messages = sgp_messages(four(), kSgpSystemMessage);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[0].content, "You are a large language model trained.");
}

TEST(SgpPrompts, HashesTellPromptsApart) {
  const auto one = sgp_messages(four(), ""), two = sgp_messages(four(), kSgpSystemMessage);
  EXPECT_EQ(sgp_prompt_hash(one).size(), 16u);
  EXPECT_EQ(sgp_prompt_hash(one), sgp_prompt_hash(sgp_messages(four(), "")));
  EXPECT_NE(sgp_prompt_hash(one), sgp_prompt_hash(two));
}

TEST(SgpParts, AreFoundInEachKind) {
  const auto svg = split_sgp_question(
      "Examine the following SVG code carefully and answer.\n\n<svg>\n<g/>\n\n</svg>\n\nQuestion: "
      "What?");
  EXPECT_EQ(svg.language, SgpParts::Language::kSvg);
  EXPECT_EQ(svg.program, "<svg>\n<g/>\n\n</svg>");
  EXPECT_EQ(svg.question, "What?");
  EXPECT_EQ(svg.preamble, "Examine the following SVG code carefully and answer.");

  const auto cad = split_sgp_question(
      "Examine the following CAD code carefully.\n\nSOL;Line:(1,2);EOS\n\nHint: the CAD code has "
      "the "
      "following syntax: x\n\nQuestion: How many?");
  EXPECT_EQ(cad.language, SgpParts::Language::kCad);
  EXPECT_EQ(cad.program, "SOL;Line:(1,2);EOS");
  EXPECT_EQ(cad.hint, "Hint: the CAD code has the following syntax: x");
  EXPECT_EQ(cad.question, "How many?");

  const auto sketch = split_sgp_question(
      "Examine the following CAD code carefully.\n\n0:External;1:Line(dirX=1)\n\nHint: "
      "x\n\nQuestion: y");
  EXPECT_EQ(sketch.language, SgpParts::Language::kSketch);

  const auto other = split_sgp_question("What is 1 + 1?");
  EXPECT_EQ(other.language, SgpParts::Language::kNone);
  EXPECT_EQ(other.program, "");
  EXPECT_EQ(other.question, "What is 1 + 1?");
  EXPECT_EQ(split_sgp_question("See <svg></svg>. What?").program, "<svg></svg>");
  EXPECT_EQ(split_sgp_question("").question, "");
}

}  // namespace
}  // namespace lathe
