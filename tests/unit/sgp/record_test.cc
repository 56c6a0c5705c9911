#include "lathe/sgp/record.h"

#include <gtest/gtest.h>

#include "lathe/sgp/prompts.h"
#include "lathe/sgp/responses.h"

#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;

SgpRecord full() {
  SgpRecord r;
  r.split = "svg";
  r.id = "svg-1";
  r.subject = "color";
  r.prompt_hash = "0123456789abcdef";
  r.response = "Answer: \"B\"\n\u2028";
  r.extracted = "B";
  r.answer = "C";
  r.robust = SgpVerdict{"C", 1.0};
  r.judge = SgpJudged{"Extracted answer: C", {"C", 1.0}};
  r.logprobs = SgpLogprobs{{-1.5, -2.0}, {-3.0, -0.25}, {"B", 0.0}, {std::nullopt, 0.0}};
  r.tries = 5;
  r.finish = "length";
  r.prompt_tokens = 300;
  r.generated_tokens = 2048;
  r.seconds = 1.5;
  return r;
}

TEST(SgpRecord, SurvivesBeingWrittenAndRead) {
  const SgpLogEntry entry{3, "f"};
  const std::string line = to_json_line(full(), &entry);
  EXPECT_TRUE(line.starts_with("{\"index\":3,\"fingerprint\":\"f\",\"split\":\"svg\""));
  const SgpRecord back = parse_sgp_record(line, "x", 1);
  EXPECT_EQ(to_json_line(back, &entry), line);
  EXPECT_EQ(back.response, full().response);
  EXPECT_EQ(back.logprobs->text[1], -0.25);
}

TEST(SgpRecord, ErrorsSurviveToo) {
  SgpRecord r = full();
  r.response.reset();
  r.extracted.reset();
  r.error = Failure{ErrorCode::kLimit, "too long"};
  const SgpRecord back = parse_sgp_record(to_json_line(r), "x", 1);
  ASSERT_TRUE(back.error);
  EXPECT_EQ(back.error->code, ErrorCode::kLimit);
  EXPECT_EQ(back.error->message, "too long");
  EXPECT_FALSE(back.extracted);
}

TEST(SgpRecord, RefusesWhatIsNone) {
  for (const char* line :
       {"", "[]", "{}", "{\"id\":\"1\"}", "{\"id\":1,\"answer\":\"A\",\"score\":1}",
        "{\"id\":\"1\",\"answer\":\"A\",\"score\":\"1\"}"}) {
    expect_refused(ErrorCode::kInvalid, "line 7", [&] { parse_sgp_record(line, "file", 7); });
  }
}

TEST(SgpRecord, ATornLastLineIsLeftOut) {
  const test::TempFolder folder;
  const std::string line = to_json_line(full());
  const std::string path = folder.write("r.jsonl", line + "\n" + line.substr(0, 20));
  EXPECT_EQ(read_sgp_records(path).size(), 1u);
}

SgpQuestion question(const std::string& split, const std::string& id) {
  SgpQuestion q;
  q.split = split;
  q.id = id;
  q.question = "Q";
  q.options = {"x", "y"};
  q.answer = "A";
  return q;
}

TEST(SgpResponses, AreReadInEveryForm) {
  const test::TempFolder folder;
  const std::string path = folder.write(
      "r.jsonl",
      "{\"id\":\"1\",\"response\":\"Answer: A\"}\n"
      "{\"id\":2,\"text\":\"Answer: B\",\"finish_reason\":\"stop\"}\n"
      "{\"id\":\"batch_req_1\",\"custom_id\":\"3\",\"response\":{\"status_code\":200,\"body\":{"
      "\"choices\":"
      "[{\"message\":{\"role\":\"assistant\",\"content\":\"Answer: A\"}}]}},\"error\":null}\n"
      "{\"id\":\"4\",\"error\":{\"code\":\"limit\",\"message\":\"too long\"}}\n"
      "nonsense\n"
      "{\"id\":\"5\"}\n"
      "{\"id\":\"1\",\"response\":\"again\"}\n"
      "{\"id\":\"9\",\"response\":\"nobody asked\"}\n");
  SgpQuestions questions;
  for (const char* id : {"1", "2", "3", "4", "5"}) questions.push_back(question("svg", id));
  const SgpScored scored = score_sgp_responses(questions, read_sgp_responses(path), {});
  ASSERT_EQ(scored.records.size(), 5u);
  EXPECT_EQ(scored.records[0].score, 1.0);
  EXPECT_EQ(scored.records[1].extracted, "B");
  EXPECT_EQ(scored.records[2].score, 1.0);
  EXPECT_EQ(scored.records[3].error->message, "too long");
  EXPECT_EQ(scored.records[4].error->message, "there is no response to it");
  ASSERT_EQ(scored.warnings.size(), 4u);
  EXPECT_NE(scored.warnings[0].find("line 5"), std::string::npos);
  EXPECT_NE(scored.warnings[1].find("line 6"), std::string::npos);
  EXPECT_NE(scored.warnings[2].find("the first counts"), std::string::npos);
  EXPECT_NE(scored.warnings[3].find("no question has the id \"9\""), std::string::npos);
}

TEST(SgpResponses, SplitsThatShareIdsAreToldApart) {
  const SgpQuestions questions = {question("inv", "1"), question("inv_t0", "1"),
                                  question("inv", "2")};
  EXPECT_EQ(sgp_prompt_ids(questions), (std::vector<std::string>{"inv/1", "inv_t0/1", "2"}));
  const test::TempFolder folder;
  const std::string path = folder.write("r.jsonl",
                                        "{\"id\":\"inv/1\",\"response\":\"Answer: A\"}\n"
                                        "{\"id\":\"1\",\"split\":\"inv_t0\",\"response\":\"Answer: "
                                        "B\"}\n{\"id\":\"1\",\"response\":\"?\"}\n");
  const SgpScored scored = score_sgp_responses(questions, read_sgp_responses(path), {});
  EXPECT_EQ(scored.records[0].extracted, "A");
  EXPECT_EQ(scored.records[1].extracted, "B");
  EXPECT_TRUE(scored.records[2].error);
  EXPECT_EQ(scored.warnings.size(), 1u);
}

SgpQuestion of_subject(const std::string& split, const std::string& subject, const std::string& id,
                       const std::string& text) {
  SgpQuestion q = question(split, id);
  q.subject = subject;
  q.question = text;
  return q;
}

TEST(SgpResponses, IdsAreNumberedWithinASubject) {
  const SgpQuestions questions = {
      of_subject("inv", "ball", "8", "p"), of_subject("inv", "box", "8", "q"),
      of_subject("inv", "box", "8", "r"), of_subject("inv_t0", "box", "9", "q")};
  EXPECT_EQ(sgp_prompt_ids(questions),
            (std::vector<std::string>{"inv/ball/8", "inv/box/8", "inv/box/8#2", "9"}));
  const test::TempFolder folder;
  const std::string path = folder.write(
      "r.jsonl",
      "{\"id\":\"8\",\"split\":\"inv\",\"subject\":\"ball\",\"response\":\"Answer: A\"}\n"
      "{\"id\":\"inv/box/8#2\",\"response\":\"Answer: A\"}\n"
      "{\"id\":\"inv/box/8\",\"response\":\"Answer: B\"}\n"
      "{\"id\":\"8\",\"response\":\"which?\"}\n"
      "{\"id\":\"8\",\"split\":\"inv\",\"response\":\"which?\"}\n");
  const SgpScored scored = score_sgp_responses(questions, read_sgp_responses(path), {});
  EXPECT_EQ(scored.records[0].extracted, "A");
  EXPECT_EQ(scored.records[1].extracted, "B");
  EXPECT_EQ(scored.records[2].extracted, "A");
  EXPECT_TRUE(scored.records[3].error);
  ASSERT_EQ(scored.warnings.size(), 2u);
  EXPECT_NE(scored.warnings[0].find("3 questions have the id \"8\": put split and subject"),
            std::string::npos);
}

TEST(SgpResponses, QuestionsOfOneNameAnswerToTheirPrompts) {
  const SgpQuestions questions = {of_subject("inv", "box", "8", "q"),
                                  of_subject("inv", "box", "8", "r")};
  const test::TempFolder folder;
  const auto line = [&](std::size_t i, const std::string& response) {
    return "{\"id\":\"8\",\"split\":\"inv\",\"subject\":\"box\",\"prompt\":\"" +
           sgp_prompt_hash(sgp_messages(questions[i], "")) + "\",\"response\":\"" + response +
           "\"}\n";
  };
  const std::string path = folder.write("r.jsonl", line(1, "Answer: B") + line(0, "Answer: A"));
  const SgpScored scored = score_sgp_responses(questions, read_sgp_responses(path), {});
  EXPECT_EQ(scored.records[0].extracted, "A");
  EXPECT_EQ(scored.records[1].extracted, "B");
  EXPECT_TRUE(scored.warnings.empty());
}

}  // namespace
}  // namespace lathe
