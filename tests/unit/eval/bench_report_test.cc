#include "lathe/bench_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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

TEST(BenchReport, BatchedRowsCountAllSequences) {
  BenchRow r = row();
  r.result.test = {100, 10, 0, 4};
  for (BenchSample& s : r.result.samples) s = {2000000000, 1000000000, {}};
  const BenchRow rows[] = {r};
  const std::string text = format_batched(rows);
  EXPECT_NE(text.find("440"), std::string::npos) << text;     // N_KV
  EXPECT_NE(text.find("200.00"), std::string::npos) << text;  // S_PP
  EXPECT_NE(text.find("40.00"), std::string::npos) << text;   // S_TG
  EXPECT_NE(text.find("146.67"), std::string::npos) << text;  // S
}

}  // namespace
}  // namespace lathe
