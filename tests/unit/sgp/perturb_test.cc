#include "lathe/sgp/perturb.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/refusal.h"

namespace lathe {
namespace {

SgpQuestion question(const std::string& id, const std::string& program) {
  SgpQuestion q;
  q.id = id;
  q.split = "svg";
  q.subject = "color";
  q.question = "Examine the following SVG code carefully.\n\n" + program +
               "\n\nQuestion: What \"color\", x=\"1\"?";
  q.options = {"red", "a, b", "\"c\"", "d"};
  q.answer = "A";
  return q;
}

TEST(PerturbSgp, MovesTheProgramAndNothingElse) {
  const std::string program =
      "<svg viewBox=\"0 0 100 100\"><circle cx=\"50\" cy=\"50\" r=\"9\"/></svg>";
  const SgpQuestions questions = {question("a", program), question("b", "no program"),
                                  question("c", program)};
  const SgpPerturbed out = perturb_sgp(questions, {SvgMoveKind::kTranslate, 2, 1});
  ASSERT_EQ(out.sets.size(), 3u);
  EXPECT_EQ(out.sets[0].name, "inv");
  EXPECT_EQ(out.sets[2].name, "inv_t1");
  ASSERT_EQ(out.refused.size(), 1u);
  EXPECT_EQ(out.refused[0].id, "b");
  for (const auto& set : out.sets) ASSERT_EQ(set.questions.size(), 2u);
  EXPECT_EQ(out.sets[0].questions[0].question, questions[0].question);
  const SgpQuestion moved = out.sets[1].questions[0];
  EXPECT_NE(moved.question, questions[0].question);
  EXPECT_EQ(moved.question.substr(moved.question.find("</svg>")),
            questions[0].question.substr(questions[0].question.find("</svg>")));
  // One picture, one move.
  EXPECT_EQ(moved.question, out.sets[1].questions[1].question);
}

TEST(PerturbSgp, SaysWhyAProgramIsNone) {
  const auto why = [](const std::string& text) {
    SgpQuestion q = question("a", "");
    q.question = text;
    const SgpPerturbed out = perturb_sgp({q}, {});
    return out.refused.size() == 1 ? out.refused[0].message : "";
  };
  EXPECT_EQ(why("What is it?"), "no SVG program in it");
  EXPECT_EQ(why("What draws <svg viewBox='0 0 9 9'><rect/>"),
            "its SVG program breaks off: there is no </svg>");
  EXPECT_EQ(why("What draws <SVG><RECT/></SVG>?"),
            "its element \"SVG\" is no SVG: the name is svg, in lower case");
  const std::string head = "Examine the following SVG code carefully.\n\n";
  EXPECT_EQ(why(head + "<svg viewBox='0 0 9 9'><rect x='1\n\nQuestion: What?").substr(0, 9),
            "the quote");
  EXPECT_EQ(why(head + "<svg viewBox='0 0 9 9'><rect x='1'\n\nQuestion: What?").substr(0, 21),
            "the markup breaks off");
}

TEST(PerturbSgp, MovesAProgramThatBreaksOffBetweenTags) {
  const std::string head =
      "Examine the following SVG code carefully.\n\n<svg viewBox='0 0 100 100'>";
  SgpQuestion q = question("a", "");
  q.question = head + "<g><circle cx='50' cy='50' r='9'/>\n\nQuestion: What?";
  const SgpPerturbed out = perturb_sgp({q}, {SvgMoveKind::kTranslate, 1, 1});
  ASSERT_TRUE(out.refused.empty());
  const SgpQuestion moved = out.sets[1].questions[0];
  EXPECT_EQ(moved.question.find("cx='50'"), std::string::npos);
  EXPECT_TRUE(moved.question.ends_with("r='9'/>\n\nQuestion: What?"));
}

TEST(PerturbSgp, RefusesOddNumbersOfCopies) {
  for (const int copies : {0, -1, 101}) {
    test::expect_refused(ErrorCode::kUsage, "copies", [&] {
      perturb_sgp({}, {SvgMoveKind::kRotate, copies, 1});
    });
  }
}

TEST(SgpCsv, QuotesWhatNeedsQuotes) {
  const SgpQuestions questions = {question("a", "p")};
  EXPECT_EQ(sgp_csv(questions),
            "PID,Question,A,B,C,D,Answer,Subject\n"
            "a,\"Examine the following SVG code carefully.\n\np\n\nQuestion: What \"\"color\"\", "
            "x=\"\"1\"\"?\",red,\"a, b\",\"\"\"c\"\"\",d,A,color\n");
}

}  // namespace
}  // namespace lathe
