#include "lathe/sgp/dataset.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "io/zstd_stream.h"
#include "support/paths.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::expect_refused;

class SgpData : public ::testing::Test {
 protected:
  SgpDataset load(const std::string& name, const std::string& text, SgpDataOptions options = {}) {
    const std::vector<std::string> paths = {folder_.write(name, text)};
    return load_sgp_data(paths, options);
  }
  void refused(ErrorCode code, const std::string& part, const std::string& text,
               const std::string& columns = {}) {
    SgpDataOptions options;
    options.columns = columns;
    expect_refused(code, part, [&] { load("set.csv", text, options); });
  }
  // The message of the row that cannot be used.
  std::string fault(const std::string& name, const std::string& text) {
    const SgpDataset data = load(name, text);
    const SgpQuestion first = data.questions[0];
    return first.error ? first.error->message : "";
  }

  test::TempFolder folder_;
};

const std::string kHeader = "PID,Question,A,B,C,D,Answer,Subject\n";

TEST_F(SgpData, ReadsTheOfficialColumns) {
  const SgpDataset data =
      load("sgp_svg_testset.csv", kHeader + "7,\"What, now?\",a,b,c,d,B,color\n");
  ASSERT_EQ(data.questions.size(), 1u);
  const SgpQuestion q = data.questions[0];
  EXPECT_EQ(q.id, "7");
  EXPECT_EQ(q.split, "svg");
  EXPECT_EQ(q.subject, "color");
  EXPECT_EQ(q.question, "What, now?");
  EXPECT_EQ(q.options, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(q.answer, "B");
  EXPECT_FALSE(q.error);
  EXPECT_EQ(data.fingerprint.size(), 16u);
}

TEST_F(SgpData, ReadsThePublishedFilesOwnHeader) {  // pandas writes its index without a name
  const SgpDataset data =
      load("sgp_inv_t0_testset.csv", ",Question,A,B,C,D,Answer,Subject\n4,Q,a,b,c,d,D,accessory\n");
  EXPECT_EQ(data.questions[0].id, "4");
  EXPECT_EQ(data.questions[0].split, "inv_t0");
}

TEST_F(SgpData, ReadsOurOwnSets) {
  const std::string folder = testdata("sgp");
  const std::vector<std::string> paths = {folder};
  const SgpDataset data = load_sgp_data(paths);
  EXPECT_EQ(data.questions.size(), 500u + 240u + 11u * 60u + 120u);
  for (const SgpQuestion& q : data.questions) {
    ASSERT_FALSE(q.error) << q.error->message;
    const SgpParts parts = split_sgp_question(q.question);
    EXPECT_NE(parts.language, SgpParts::Language::kNone) << q.id;
    EXPECT_FALSE(parts.program.empty());
    EXPECT_FALSE(parts.question.empty());
  }
}

TEST_F(SgpData, ReadsMnist) {
  const SgpDataset data = load("sgp_mnist_testset.csv", "Question,Answer\nWhich?,7\nWhich?,8\n");
  EXPECT_TRUE(data.questions[1].options.empty());
  EXPECT_EQ(data.questions[1].id, "mnist-2");
  EXPECT_EQ(data.questions[1].answer, "8");
}

TEST_F(SgpData, ReadsOtherSetsColumns) {
  EXPECT_EQ(load("val.csv", "id,question,A,B,C,D,answer,explanation\n0,Q,a,b,c,d,C,because\n")
                .questions[0]
                .answer,
            "C");  // C-Eval
  EXPECT_EQ(load("test.csv", ",Question,A,B,C,D,Answer\n0,Q,a,b,c,d,A\n").questions[0].id,
            "0");  // CMMLU
  SgpDataOptions options;
  options.columns = "Question,A,B,C,D,Answer";  // MMLU has no header
  const SgpDataset mmlu = load("algebra_test.csv", "Q,0,4,2,6,B\nP,1,2,3,4,A\n", options);
  EXPECT_EQ(mmlu.questions.size(), 2u);
  EXPECT_EQ(mmlu.questions[0].options[1], "4");
  EXPECT_EQ(mmlu.questions[0].id, "algebra_test-1");
  options.columns = "Question=stem,Answer=key";
  EXPECT_EQ(load("x.csv", "stem,A,B,key,question\nQ,y,n,B,unused\n", options).questions[0].question,
            "Q");
}

TEST_F(SgpData, TakesTwoToTwentySixOptions) {
  std::string header = "Question,Answer", row = "Q,Z";
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    header += std::string(",") + letter;
    row += ",option " + std::string(1, letter);
  }
  EXPECT_EQ(load("x.csv", header + "\n" + row + "\n").questions[0].options.size(), 26u);
  EXPECT_EQ(load("y.csv", "Question,A,B,Answer\nQ,yes,no,A\n").questions[0].options.size(), 2u);
  // Sets whose questions differ leave the last columns empty.
  EXPECT_EQ(load("z.csv", "Question,A,B,C,D,E,Answer\nQ,1,2,3,,,C\n").questions[0].options.size(),
            3u);
}

TEST_F(SgpData, ReadsJsonLines) {
  const SgpDataset data =
      load("set.jsonl",
           "{\"PID\":3,\"Question\":\"Q\",\"A\":\"x\",\"B\":2,\"Answer\":\"B\",\"split\":\"cad\"}\n"
           "{\"question\":\"Q\",\"choices\":[\"x\",\"y\",\"z\"],\"answer\":2,\"subject\":\"s\"}\r\n"
           "{\"Question\":\"Q\",\"Answer\":7,\"extra\":null}");
  ASSERT_EQ(data.questions.size(), 3u);
  EXPECT_EQ(data.questions[0].id, "3");
  EXPECT_EQ(data.questions[0].split, "cad");
  EXPECT_EQ(data.questions[0].options[1], "2");
  EXPECT_EQ(data.questions[1].answer, "C");
  EXPECT_EQ(data.questions[2].answer, "7");
  for (const SgpQuestion& q : data.questions) EXPECT_FALSE(q.error) << q.error->message;
}

TEST_F(SgpData, KnowsJsonWithoutItsEnding) {
  EXPECT_EQ(load("set.txt", "\n {\"Question\":\"Q\",\"Answer\":\"7\"}\n").questions[1].answer, "7");
}

TEST_F(SgpData, ReadsZstd) {
  std::string packed;
  ZstdWriter writer([&](std::span<const std::byte> bytes) {
    packed.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  writer.write(kHeader + "1,Q,a,b,c,d,A,s\n");
  writer.finish();
  EXPECT_EQ(load("svg.csv.zst", packed).questions[0].split, "svg");
  expect_refused(ErrorCode::kInvalid, "cut.csv.zst",
                 [&] { load("cut.csv.zst", packed.substr(0, packed.size() - 3)); });
}

TEST_F(SgpData, RowsThatCannotBeUsedStayInTheirPlaces) {
  const SgpDataset data = load("set.csv", kHeader +
                                              "1,Q,a,b,c,d,A,s\n"
                                              "2,Q,a,b\n"
                                              "3,Q,a,b,c,d,E,s\n"
                                              "4,Q,,,,,A,s\n"
                                              "5,,a,b,c,d,A,s\n"
                                              "1,Q,a,b,c,d,A,s\n"
                                              "7,Q\xff,a,b,c,d,A,s\n"
                                              "8,Q,a,b,c,d,b,s\n"
                                              "9,Q,a,b,c,d,B,s\n");
  ASSERT_EQ(data.questions.size(), 9u);
  const auto message = [&](std::size_t i) {
    return data.questions[i].error ? data.questions[i].error->message : "none";
  };
  EXPECT_EQ(message(0), "none");
  EXPECT_NE(message(1).find("row 2, line 3: 4 fields where the header has 8"), std::string::npos);
  EXPECT_NE(message(2).find("\"E\" is none of the letters A to D"), std::string::npos);
  EXPECT_NE(message(3).find("all options are empty"), std::string::npos);
  EXPECT_NE(message(4).find("question is empty"), std::string::npos);
  EXPECT_NE(message(5).find("the question with the id \"1\" occurs before, in "),
            std::string::npos);
  EXPECT_NE(message(6).find("not UTF-8"), std::string::npos);
  EXPECT_NE(message(7).find("\"b\" is none of the letters"), std::string::npos);
  EXPECT_EQ(message(8), "none");
}

TEST_F(SgpData, IdsAreNumberedWithinASubject) {
  const SgpDataset data = load("inv.csv", kHeader +
                                              "8,Q,a,b,c,d,A,ball\n"
                                              "8,Q,a,b,c,d,B,box\n"
                                              "9,P,a,b,c,d,D,box\n"
                                              "9,Q,a,b,c,d,C,ball\n"
                                              "9,R,a,b,c,d,C,ball\n"
                                              "8,Q,a,b,c,d,A,ball\n");
  ASSERT_EQ(data.questions.size(), 6u);
  for (std::size_t i = 0; i < 5; ++i) {
    const SgpQuestion q = data.questions[i];
    EXPECT_FALSE(q.error) << q.error->message;
    EXPECT_EQ(q.position, static_cast<std::int64_t>(i) + 1);
  }
  const SgpQuestion twice = data.questions[5];
  ASSERT_TRUE(twice.error);
  EXPECT_NE(twice.error->message.find("row 6: the question with the id \"8\" occurs before"),
            std::string::npos);
  EXPECT_NE(twice.error->message.find(", row 1"), std::string::npos);
  EXPECT_EQ(twice.id, "8");
}

TEST_F(SgpData, WhatLoadersMakeOfTheOptionNoneIsThatOption) {
  const auto options = [&](const std::string& name, const std::string& text) {
    const SgpQuestion q = load(name, text).questions[0];
    return q.error ? std::vector<std::string>{q.error->message} : q.options;
  };
  using Texts = std::vector<std::string>;
  const Texts last = {"1", "2", "3", "None"};
  EXPECT_EQ(options("a.csv", kHeader + "1,Q,1,2,3,,A,s\n"), last);
  EXPECT_EQ(options("a.csv", kHeader + "1,Q,1,2,3,None,A,s\n"), last);
  EXPECT_EQ(options("a.csv", kHeader + "1,Q,1,,3,4,A,s\n"), (Texts{"1", "None", "3", "4"}));
  // A question with fewer options, unless the answer is one of the empty ones.
  EXPECT_EQ(options("a.csv", kHeader + "1,Q,yes,no,,,A,s\n"), (Texts{"yes", "no"}));
  EXPECT_EQ(options("a.csv", kHeader + "1,Q,yes,no,,,C,s\n"), (Texts{"yes", "no", "None"}));
  const std::string head = "{\"Question\":\"Q\",\"Answer\":\"A\",";
  EXPECT_EQ(options("a.jsonl", head + "\"A\":\"1\",\"B\":\"2\",\"C\":\"3\",\"D\":null}"), last);
  EXPECT_EQ(options("a.jsonl", head + "\"D\":\"\",\"A\":\"1\",\"B\":\"2\",\"C\":3}"), last);
  EXPECT_EQ(options("a.jsonl", head + "\"options\":[\"1\",null,\"3\"]}"),
            (Texts{"1", "None", "3"}));
  EXPECT_EQ(
      options("a.jsonl", head + "\"A\":\"1\",\"B\":\"2\",\"C\":\"3\",\"D\":\"4\",\"E\":null}"),
      (Texts{"1", "2", "3", "4"}));
  EXPECT_EQ(options("a.jsonl", head + "\"A\":null,\"B\":null}"), Texts{});
}

TEST_F(SgpData, ReadsOptionsAsAnObject) {
  const SgpDataset data =
      load("set.jsonl",
           "{\"pid\":66,\"subject\":\"2D\",\"answer\":\"D\",\"question\":\"Q\","
           "\"options\":{\"A\":\"Rounded\",\"C\":\"Beveled\",\"B\":\"Sharp\",\"D\":null}}\n"
           "{\"question\":\"Q\",\"answer\":\"A\",\"options\":{\"A\":\"x\",\"C\":\"y\"}}\n"
           "{\"question\":\"Q\",\"answer\":\"A\",\"options\":{\"A\":\"x\",\"1\":\"y\"}}\n"
           "{\"question\":\"Q\",\"answer\":\"A\",\"options\":{}}\n");
  const SgpQuestion q = data.questions[0];
  ASSERT_FALSE(q.error) << q.error->message;
  EXPECT_EQ(q.options, (std::vector<std::string>{"Rounded", "Sharp", "Beveled", "None"}));
  for (const std::size_t i : {1u, 2u, 3u}) EXPECT_TRUE(data.questions[i].error) << i;
}

TEST_F(SgpData, AFileOfAnythingElseIsRefusedAsAWhole) {
  std::string text = kHeader;
  for (std::int64_t i = 0; i <= kSgpMostBadRows; ++i) text += "x\n";
  refused(ErrorCode::kLimit, "more than 100000 rows cannot be used", text);
}

TEST(SgpQuestions, ComeBackAsTheyWere) {
  SgpQuestion q;
  q.split = "svg";
  q.row = 300;
  q.position = 1234567;
  q.id = "svg-300";
  q.subject = "color";
  q.question = std::string(200'000, 'q');
  q.options = {"a", "", std::string(300, 'c')};
  q.answer = "C";
  q.file = "svg.csv";
  SgpQuestion bad;
  bad.id = std::string("n\0ul", 4);
  bad.split = "cad";
  bad.error = Failure{ErrorCode::kLimit, "too long"};
  SgpQuestions all = {q, bad};
  for (int i = 0; i < 20; ++i) all.push_back(q);  // more than one block
  const SgpQuestions copy = all;
  for (const std::size_t i : {0u, 2u, 21u}) {
    const SgpQuestion back = copy[i];
    EXPECT_EQ(back.id, q.id);
    EXPECT_EQ(back.split, q.split);
    EXPECT_EQ(back.subject, q.subject);
    EXPECT_EQ(back.question, q.question);
    EXPECT_EQ(back.options, q.options);
    EXPECT_EQ(back.answer, q.answer);
    EXPECT_EQ(back.file, q.file);
    EXPECT_EQ(back.row, q.row);
    EXPECT_EQ(back.position, q.position);
    EXPECT_FALSE(back.error);
  }
  const SgpQuestion back = copy[1];
  EXPECT_EQ(back.id, bad.id);
  EXPECT_EQ(back.row, 0);
  EXPECT_EQ(back.error->code, ErrorCode::kLimit);
  EXPECT_EQ(back.error->message, "too long");
}

TEST_F(SgpData, MalformedJsonLinesAreRowsThatCannotBeUsed) {
  for (const std::string line :
       {"", "{", "[]", "7", "{\"Question\":\"Q\"}", "{\"Answer\":\"A\"}",
        "{\"Question\":1e999,\"Answer\":1}", "{\"Question\":NaN,\"Answer\":1}",
        "{\"Question\":\"\\ud800\",\"Answer\":1}",
        "{\"Question\":\"Q\",\"Question\":\"Q\",\"Answer\":1}", "{\"Question\":[],\"Answer\":1}",
        "{\"Question\":\"Q\",\"A\":\"x\",\"Answer\":\"A\"}",
        "{\"Question\":\"Q\",\"options\":7,\"Answer\":\"A\"}",
        "{\"Question\":\"Q\",\"A\":\"x\",\"C\":\"y\",\"Answer\":\"A\"}",
        "{\"Question\":\"Q\",\"options\":[\"x\"],\"Answer\":\"A\"}",
        "{\"Question\":\"Q\",\"options\":[\"x\",\"y\"],\"Answer\":2}",
        "{\"Question\":\"Q\",\"options\":[\"x\",\"y\"],\"Answer\":-1}",
        "{\"Question\":\"Q\xff\",\"Answer\":1}"}) {
    EXPECT_NE(fault("set.jsonl", line + "\n"), "") << line;
  }
}

TEST_F(SgpData, HeadersThatCannotBeUsedRefuseTheFile) {
  refused(ErrorCode::kInvalid, "empty", "");
  refused(ErrorCode::kInvalid, "no column is called Question", "PID,Text,Answer\n1,2,3\n");
  refused(ErrorCode::kInvalid, "no column is called Answer", "Question,A,B\n1,2,3\n");
  refused(ErrorCode::kInvalid, "two columns hold the Question",
          "Question,question,Answer\n1,2,3\n");
  refused(ErrorCode::kInvalid, "a column C but none called B", "Question,A,C,Answer\n1,2,3,A\n");
  refused(ErrorCode::kInvalid, "a single option", "Question,A,Answer\n1,2,A\n");
  refused(ErrorCode::kInvalid, "no rows", kHeader);
  refused(ErrorCode::kInvalid, "header cannot be read", "Question,\"A\"x\n");
  refused(ErrorCode::kUsage, "--columns", kHeader + "x", "Question,What,Answer");
  refused(ErrorCode::kUsage, "--columns", kHeader + "x", "Question=stem,Answer");
  refused(ErrorCode::kInvalid, "calls column \"stem\" the Question", kHeader + "x",
          "Question=stem");
  expect_refused(ErrorCode::kIo, "cannot open", [&] {
    const std::vector<std::string> paths = {folder_.file("absent.csv")};
    load_sgp_data(paths);
  });
  expect_refused(ErrorCode::kInvalid, "without data files", [&] {
    test::TempFolder empty;
    const std::vector<std::string> paths = {empty.path()};
    load_sgp_data(paths);
  });
}

TEST_F(SgpData, FiltersBySplitAndSubject) {
  folder_.write("inv.csv", kHeader + "1,Q,a,b,c,d,A,color\n2,Q,a,b,c,d,A,count\n");
  folder_.write("inv_t0.csv", kHeader + "1,Q,a,b,c,d,A,color\n");
  folder_.write("svg.csv", kHeader + "1,Q,a,b,c,d,A,color\n");
  const std::vector<std::string> paths = {folder_.path()};
  SgpDataOptions options;
  EXPECT_EQ(load_sgp_data(paths, options).questions.size(), 4u);
  options.splits = {"inv*"};
  EXPECT_EQ(load_sgp_data(paths, options).questions.size(), 3u);
  options.subjects = {"Count"};
  EXPECT_EQ(load_sgp_data(paths, options).questions.size(), 1u);
  options.subjects = {"absent"};
  expect_refused(ErrorCode::kInvalid, "no question is left",
                 [&] { load_sgp_data(paths, options); });
}

TEST_F(SgpData, LimitsAndSamplesPerSplit) {
  std::string text = kHeader;
  for (int i = 0; i < 50; ++i) text += std::to_string(i) + ",Q,a,b,c,d,A,s\n";
  const std::vector<std::string> paths = {folder_.write("inv.csv", text),
                                          folder_.write("inv_t0.csv", text)};
  SgpDataOptions options;
  options.limit = 5;
  SgpDataset data = load_sgp_data(paths, options);
  ASSERT_EQ(data.questions.size(), 10u);
  EXPECT_EQ(data.questions[4].id, "4");
  options.seed = 1;
  data = load_sgp_data(paths, options);
  ASSERT_EQ(data.questions.size(), 10u);
  std::vector<std::string> one, two;
  for (int i = 0; i < 5; ++i) one.push_back(data.questions[static_cast<std::size_t>(i)].id);
  for (int i = 5; i < 10; ++i) two.push_back(data.questions[static_cast<std::size_t>(i)].id);
  EXPECT_EQ(one, two);  // the same questions of every copy
  EXPECT_NE(one, (std::vector<std::string>{"0", "1", "2", "3", "4"}));
  // Of files without ids the same rows.
  std::string bare = "Question,A,B,Answer\n";
  for (int i = 0; i < 50; ++i) bare += "Q" + std::to_string(i) + ",a,b,A\n";
  const std::vector<std::string> bare_paths = {folder_.write("inv_t1.csv", bare),
                                               folder_.write("inv_t2.csv", bare)};
  const SgpDataset drawn = load_sgp_data(bare_paths, options);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(drawn.questions[i].question, drawn.questions[i + 5].question);
  }
  const std::string fingerprint = data.fingerprint;
  options.seed = 2;
  data = load_sgp_data(paths, options);
  EXPECT_NE(data.questions[0].id + data.questions[1].id + data.questions[2].id,
            one[0] + one[1] + one[2]);
  EXPECT_NE(data.fingerprint, fingerprint);
}

}  // namespace
}  // namespace lathe
