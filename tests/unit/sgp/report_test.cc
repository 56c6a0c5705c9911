// The page's text; what a browser makes of it is tested in tests/cli/test_sgp_report.py.
#include "lathe/sgp/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sgp/report_files.h"

namespace lathe {
namespace {

struct Answers {
  SgpQuestions questions;
  std::vector<SgpRecord> records;

  void add(const std::string& id, const std::string& text, const std::string& response) {
    SgpQuestion q;
    q.id = id;
    q.split = "svg";
    q.subject = "color";
    q.question = text;
    q.options = {"red", "green"};
    q.answer = "A";
    SgpRecord r;
    r.split = q.split;
    r.id = id;
    r.subject = q.subject;
    r.answer = q.answer;
    r.response = response;
    q.position = r.position = static_cast<std::int64_t>(records.size()) + 1;
    questions.push_back(q);
    records.push_back(std::move(r));
  }

  std::string page() const {
    const SgpSummary summary = summarize_sgp(records);
    SgpRunFacts facts;
    facts.model = "models/</title><b>m";
    facts.protocol = "reference";
    const SgpLeaderboard board = sgp_leaderboard(summary, facts.model, facts.protocol);
    SgpReport report;
    report.questions = &questions;
    report.records = records;
    report.summary = &summary;
    report.facts = &facts;
    report.leaderboard = &board;
    std::string out;
    write_sgp_report(report, [&](std::string_view text) { out += text; });
    return out;
  }
};

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++n;
  return n;
}

nlohmann::json data_of(const std::string& page) {
  const std::string begin = "id=\"data\">";
  const std::size_t at = page.find(begin) + begin.size();
  return nlohmann::json::parse(page.substr(at, page.find("</script>", at) - at));
}

TEST(SgpReport, HostileTextStaysData) {
  Answers run;
  const std::string evil = "</script><!--<script><SCRIPT>x--></sCript>\u2028\u2029@DATA@ @JS@";
  run.add("1", "<svg></svg>" + evil, evil);
  const std::string page = run.page();
  EXPECT_EQ(count(page, "</script"), 2u);
  EXPECT_EQ(count(page, "<script"), 2u);
  EXPECT_EQ(count(page, "<!--"), 0u);
  EXPECT_EQ(page.find("\u2028"), std::string::npos);
  EXPECT_EQ(page.find("<title></title>"), std::string::npos);
  EXPECT_NE(page.find("<title>title&gt;&lt;b&gt;m on svg</title>"), std::string::npos);
  const nlohmann::json data = data_of(page);
  EXPECT_EQ(data["questions"][0]["r"], evil);
}

TEST(SgpReport, AllowsItsOwnStyleAndScriptOnly) {
  Answers run;
  run.add("1", "q", "r");
  const std::string page = run.page();
  EXPECT_EQ(count(page, std::string(report::kScript)), 1u);
  EXPECT_EQ(count(page, std::string(report::kStyle)), 1u);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.find("script-src 'sha256-" + std::string(report::kScriptHash)), std::string::npos);
  EXPECT_EQ(page.find("unsafe"), std::string::npos);
  EXPECT_EQ(report::kScript.find("innerHTML ="), std::string::npos);
}

TEST(SgpReport, SharesProgramsAndDrawsCad) {
  Answers run;
  for (int i = 0; i < 3; ++i) {
    run.add(std::to_string(i), "Examine the following SVG code.\n\n<svg/></svg>\n\nQuestion: Q?",
            "r");
  }
  run.add("cad",
          "Examine the following CAD code.\n\nSOL;Circle:(128,128,60);EOS\n\nHint: the syntax\n\n"
          "Question: Q?",
          "r");
  const nlohmann::json data = data_of(run.page());
  EXPECT_EQ(data["programs"].size(), 2u);
  EXPECT_EQ(data["programs"][0]["l"], "svg");
  EXPECT_TRUE(data["programs"][1]["d"].get<std::string>().starts_with("<svg "));
  EXPECT_EQ(data["questions"][2]["q"], "Q?");
  EXPECT_EQ(data["splits"][0]["chance"], 0.5);
}

TEST(SgpReport, CutsTheLongestTextsWhenThereIsTooMuch) {
  Answers run;
  const std::string text(std::size_t{1} << 20, 'x');
  for (int i = 0; i < 60; ++i) run.add(std::to_string(i), "<svg></svg> Q?", text);
  const std::string page = run.page();
  EXPECT_LT(page.size(), kSgpReportMostText);
  const nlohmann::json data = data_of(page);
  EXPECT_NE(data["meta"]["cut"].get<std::string>().find("are cut"), std::string::npos);
  EXPECT_NE(data["questions"][5]["r"].get<std::string>().find("more bytes"), std::string::npos);
}

TEST(SgpReport, InvalidTextBecomesReplacementCharacters) {
  Answers run;
  run.add("\xff", "q\xc3", "r\xed\xa0\x80");
  const nlohmann::json data = data_of(run.page());
  EXPECT_EQ(data["questions"][0]["i"], "\ufffd");
}

TEST(SgpLeaderboard, PutsOursInItsPlace) {
  SgpSummary summary;
  SgpSplit svg;
  svg.name = "svg";
  svg.share.count = 4340;
  svg.share.mean = 0.58;
  SgpSubject color;
  color.name = "Color";
  color.share.mean = 0.9;
  svg.subjects = {color};
  summary.splits = {svg};
  const SgpLeaderboard board = sgp_leaderboard(summary, "ours", "reference");
  ASSERT_EQ(board.columns.size(), 10u);
  ASSERT_EQ(board.rows.size(), 38u);
  std::size_t at = 0;
  while (!board.rows[at].ours) ++at;
  EXPECT_EQ(board.rows[at - 1].name, "Llama3.1-405B");  // 58.0 as well, and first
  EXPECT_EQ(board.rows[at + 1].name, "Llama3.1-70B");
  EXPECT_DOUBLE_EQ(*board.rows[at].scores[3], 90.0);
  EXPECT_FALSE(board.rows[at].scores[6].has_value());
  EXPECT_EQ(board.notes.size(), 1u);
  EXPECT_NE(sgp_leaderboard_text(board).find("> ours"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(sgp_leaderboard_json(board))["rows"].size(), 38u);

  summary.splits[0].name = "inv";
  EXPECT_EQ(sgp_leaderboard(summary, "ours", "reference").rows.size(), 37u);
}

TEST(SgpLeaderboard, NeverShowsOtherQuestionsBesideTheBenchmarks) {
  SgpSummary summary;
  SgpSplit svg, cad;
  svg.name = "svg";
  svg.share.count = 500;  // our own drawings
  svg.share.mean = 0.987654;
  cad.name = "cad";
  cad.share.count = 2399;  // the benchmark's, but for one that could not be asked
  cad.share.errors = 1;
  summary.splits = {cad, svg};
  const SgpLeaderboard none = sgp_leaderboard(summary, "ours", "reference");
  EXPECT_EQ(none.rows.size(), 37u);
  ASSERT_EQ(none.notes.size(), 3u);
  EXPECT_NE(none.notes[2].find("Of the svg split 500 questions"), std::string::npos);
  EXPECT_EQ(sgp_leaderboard_text(none).find("98.7"), std::string::npos);
  // A split that is whole has its score, the other one none.
  summary.splits[0].share.count = 2400;
  summary.splits[0].share.errors = 0;
  const SgpLeaderboard half = sgp_leaderboard(summary, "ours", "reference");
  ASSERT_EQ(half.rows.size(), 38u);
  for (const SgpLeaderboard::Row& row : half.rows) {
    if (!row.ours) continue;
    EXPECT_FALSE(row.scores[0].has_value());
    EXPECT_TRUE(row.scores[6].has_value());
  }
}

}  // namespace
}  // namespace lathe
