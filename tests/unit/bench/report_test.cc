#include "lathe/bench/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lathe/error.h"

#include "support/refusal.h"

namespace lathe {
namespace {

BenchRow row() {
  BenchRow r;
  r.setting.model_filename = "it's \"m\".lathe";
  r.setting.model_type = "llama 1.1B w4";
  r.setting.model_size = 600u << 20;
  r.setting.model_n_params = 1100000000;
  r.setting.n_threads = 2;
  r.result.test = {0, 10, 0, 1};
  r.result.samples.resize(2);
  r.result.samples[0].gen_ns = 1000000000;  // 10 tokens/s
  r.result.samples[1].gen_ns = 500000000;   // 20 tokens/s
  r.limit_ts = 30.0;
  r.limit_kind = "bandwidth";
  return r;
}

TEST(BenchReport, JsonHasTheNamesScriptsKnow) {
  const BenchRow rows[] = {row()};
  const auto json = nlohmann::json::parse(format_bench(rows, BenchFormat::kJson));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_DOUBLE_EQ(json[0]["avg_ts"], 15.0);
  EXPECT_DOUBLE_EQ(json[0]["limit_share"], 0.5);
  EXPECT_EQ(json[0]["n_gen"], 10);
  EXPECT_EQ(json[0]["samples_ns"].size(), 2u);
  for (const char* name :
       {"model_filename", "model_type", "model_size", "model_n_params", "n_batch", "n_threads",
        "type_k", "type_v", "n_prompt", "n_depth", "test_time", "avg_ns", "stddev_ns", "stddev_ts",
        "samples_ts", "build_commit", "cpu_info"}) {
    EXPECT_TRUE(json[0].contains(name)) << name;
  }
}

TEST(BenchReport, JsonlIsOneObjectALine) {
  const BenchRow rows[] = {row(), row()};
  const std::string text = format_bench(rows, BenchFormat::kJsonl);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(BenchReport, CsvAndSqlQuoteTheirText) {
  const BenchRow rows[] = {row()};
  EXPECT_NE(format_bench(rows, BenchFormat::kCsv).find("\"it's \"\"m\"\".lathe\""),
            std::string::npos);
  EXPECT_NE(format_bench(rows, BenchFormat::kSql).find("'it''s \"m\".lathe'"), std::string::npos);
}

TEST(BenchReport, MarkdownShowsTheShareOfTheLimit) {
  const BenchRow rows[] = {row()};
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("| llama 1.1B w4 | tg10 |"), std::string::npos) << text;
  EXPECT_NE(text.find("50 % bandwidth"), std::string::npos) << text;
}

TEST(BenchReport, OneRunAloneHasNoSpread) {
  BenchRow rows[] = {row()};
  ASSERT_GT(rows[0].result.samples.size(), 1u);
  EXPECT_NE(format_bench(rows, BenchFormat::kMarkdown).find(" ± "), std::string::npos);
  rows[0].result.samples.resize(1);
  EXPECT_EQ(format_bench(rows, BenchFormat::kMarkdown).find("±"), std::string::npos);
}

TEST(BenchReport, EveryTableTellsTwoModelsApart) {
  BenchRow r = row();
  r.result.test.sequences = 2;
  r.use.peak_bytes = 600u << 20;
  BenchRow start = row();
  start.result.test = {};
  start.result.test.n_gen = 1;
  start.result.test.start = BenchStart::kWarm;
  BenchRow traffic = row();
  traffic.result.test.traffic = parse_traffic("in=1..2,out=3,n=4");
  std::vector<BenchRow> rows;
  for (const char* file : {"a/one/model.gguf", "a/two/model.gguf"}) {
    for (BenchRow one : {r, start, traffic}) {
      one.setting.model_filename = file;
      rows.push_back(one);
    }
  }
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  std::size_t tables = 0, named = 0;
  for (std::size_t at = text.find("| model "); at != std::string::npos;
       at = text.find("| model ", at + 1)) {
    ++tables;
  }
  for (std::size_t at = text.find("| two/model.gguf |"); at != std::string::npos;
       at = text.find("| two/model.gguf |", at + 1)) {
    ++named;
  }
  EXPECT_EQ(tables, 5u) << text;  // speeds, batches, traffic, starts, what the process took
  EXPECT_EQ(named, 3u + 1u + 1u + 1u + 3u) << text;
  EXPECT_EQ(text.find("a/two"), std::string::npos) << text;
}

TEST(BenchReport, ModelsOfOtherNamesNeedNoFolder) {
  BenchRow a = row(), b = row();
  a.setting.model_filename = "x/a.gguf";
  b.setting.model_filename = "x/b\x1b.gguf";
  const BenchRow rows[] = {a, b};
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("| a.gguf "), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

BenchRow beside(double rate) {
  BenchRow r = row();
  r.command = "cd x; other-bench | cat";
  r.program = "other-bench";
  r.result.samples.assign(3, {});
  for (BenchSample& s : r.result.samples) s.gen_ns = static_cast<std::int64_t>(10 * 1e9 / rate);
  r.ratio = compare_samples(row().result.tokens_per_second(), r.result.tokens_per_second());
  return r;
}

TEST(BenchReport, OtherProgramsStandBesideOurs) {
  const BenchRow rows[] = {row(), beside(5.0), beside(13.0)};
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("| tg10 | 15.00 | other-bench |    5.00 | 3.000 |"), std::string::npos)
      << text;
  EXPECT_NE(text.find("can't tell"), std::string::npos) << text;  // 10 and 20 beside 13
  EXPECT_NE(text.find("other-bench: cd x; other-bench | cat"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(format_bench(rows, BenchFormat::kJson));
  EXPECT_TRUE(json[0]["command"].is_null());
  EXPECT_TRUE(json[0]["ratio"].is_null());
  EXPECT_EQ(json[1]["command"], "cd x; other-bench | cat");
  EXPECT_DOUBLE_EQ(json[1]["ratio"], 3.0);
  // The first row has no ratio, and still the column is one of numbers.
  EXPECT_NE(format_bench(rows, BenchFormat::kSql).find("ratio REAL"), std::string::npos);
}

TEST(BenchReport, WhatTheProcessTookAndWhatWasTakenFromIt) {
  BenchRow r = row();
  r.use.peak_bytes = 600u << 20;
  r.use.minor_faults = 12;
  const BenchRow calm[] = {r};
  std::string text = format_bench(calm, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("| tg10 |  600.00 MiB |           - |           12 |"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("host"), std::string::npos);
  r.use.steal_share = 0.031;
  const BenchRow stolen[] = {r};
  text = format_bench(stolen, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("tg10: the host gave 3.1 %"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(format_bench(stolen, BenchFormat::kJson));
  EXPECT_EQ(json[0]["minor_faults"], 12);
  EXPECT_TRUE(json[0]["shared_bytes"].is_null());
  EXPECT_DOUBLE_EQ(json[0]["steal_share"], 0.031);
}

TEST(BenchReport, StartsAreTimes) {
  BenchRow r = row();
  r.result.test = {};
  r.result.test.n_gen = 1;
  r.result.test.start = BenchStart::kCold;
  r.result.samples[1].gen_ns = 800000000;
  r.cached_share = 0.25;
  r.limit_ts.reset();
  const BenchRow rows[] = {r};
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("first-token-cold"), std::string::npos) << text;
  EXPECT_NE(text.find("| cold  |         0.900 | 0.800 | 1.000 |                   25.0 % |"),
            std::string::npos)
      << text;
}

TEST(BenchReport, RowsAreReadAsTheyWereWritten) {
  BenchRow traffic = row();
  traffic.result.test = {.traffic = parse_traffic("in=4..8,out=2..3,n=5")};
  BenchRow start = row();
  start.result.test = {.n_prompt = 5, .n_gen = 1, .start = BenchStart::kWarm};
  BenchRow deep = row();
  deep.result.test = {100, 10, 64, 4};
  const BenchRow rows[] = {row(), beside(5.0), traffic, start, deep};
  for (const BenchFormat format : {BenchFormat::kJson, BenchFormat::kJsonl}) {
    const auto read = read_bench_rows(format_bench(rows, format), "f");
    ASSERT_EQ(read.size(), std::size(rows));
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].result.test.name(), rows[i].result.test.name());
      const auto was = rows[i].result.tokens_per_second();
      const auto is = read[i].result.tokens_per_second();
      ASSERT_EQ(is.size(), was.size());
      for (std::size_t k = 0; k < is.size(); ++k) EXPECT_NEAR(is[k] / was[k], 1.0, 1e-6);
      EXPECT_EQ(read[i].command, rows[i].command);
      EXPECT_EQ(read[i].setting.model_size, rows[i].setting.model_size);
    }
  }
}

TEST(BenchReport, ReadsLlamaBatchedBench) {
  const auto rows = read_bench_rows(
      R"({"n_threads":2,"is_pp_shared":0,"pp":100,"tg":10,"pl":4,"t_pp":2.0,"t_tg":1.0})", "f");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].result.test.name(), "pp100+tg10x4");
  EXPECT_EQ(rows[0].result.samples[0].prompt_ns, 2000000000);
  EXPECT_NEAR(rows[0].result.tokens_per_second()[0], 440.0 / 3.0, 1e-6);
  EXPECT_THROW(
      read_bench_rows(R"({"is_pp_shared":true,"pp":1,"tg":1,"pl":2,"t_pp":1,"t_tg":1})", "f"),
      Error);
}

TEST(BenchReport, RefusesWhatIsNestedTooDeeply) {
  const std::string deep = R"({"n_prompt":512,"avg_ts":5.0,"x":)" + std::string(200000, '[') +
                           std::string(200000, ']') + "}";
  for (const std::string& text : {deep, "[" + deep + "]", deep + "\n" + deep}) {
    test::expect_refused(ErrorCode::kInvalid, "nested more than 200 levels",
                         [&] { read_bench_rows(text, "f"); });
  }
  test::expect_refused(ErrorCode::kInvalid, "f, line 2",
                       [] { read_bench_rows("{\"n_prompt\":512,\"avg_ts\":5.0}\n{", "f"); });
}

TEST(BenchReport, BatchedRowsCountAllSequences) {
  BenchRow r = row();
  r.result.test = {100, 10, 0, 4};
  for (BenchSample& s : r.result.samples) s = {2000000000, 1000000000, {}};
  const BenchRow rows[] = {r};
  const std::string text = format_bench(rows, BenchFormat::kMarkdown);
  EXPECT_NE(text.find("440"), std::string::npos) << text;     // N_KV
  EXPECT_NE(text.find("200.00"), std::string::npos) << text;  // S_PP
  EXPECT_NE(text.find("40.00"), std::string::npos) << text;   // S_TG
  EXPECT_NE(text.find("146.67"), std::string::npos) << text;  // S
}

}  // namespace
}  // namespace lathe
