#include "lathe/batch.h"

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "support/paths.h"
#include "support/refusal.h"
#include "support/temp_folder.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using nlohmann::json;
using test::expect_refused;
using test::TempFolder;

// Rows of every kind, some of which fail.
std::vector<std::string> some_rows(int count) {
  std::vector<std::string> rows;
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint32_t>(i);
    json row = {{"id", i}, {"prompt", village_text(i % 4 == 0 ? 3 : seed, 1 + i * 7 % 40)}};
    row["max_tokens"] = i * 5 % 33;
    if (i % 3 == 0) row["temperature"] = 0.8;
    if (i % 3 == 0) row["seed"] = i;
    if (i % 5 == 0) row["stop"] = "the ";
    if (i % 6 == 0) row["logprobs"] = 2;
    if (i % 7 == 0) row["n"] = 3;
    if (i % 8 == 5) row["unknown"] = 1;
    rows.push_back(row.dump());
    if (i % 9 == 4) rows.emplace_back("");
  }
  return rows;
}

class BatchTest : public testing::Test {
 protected:
  std::string input(const std::vector<std::string>& rows) {
    std::string text;
    for (const std::string& row : rows) text += row + "\n";
    return folder_.write("in.jsonl", text);
  }
  // The records' lines.
  std::vector<std::string> run(const std::string& path, EngineOptions engine_options = {},
                               BatchOptions options = {}, bool ordered = true) {
    engine_options.threads = std::max(1, engine_options.threads);
    const auto engine =
        Engine::create(small_model().model, small_model().tokenizer, engine_options);
    std::vector<std::string> lines;
    RecordLog log([&](std::string_view line) { lines.emplace_back(line); }, ordered);
    summary_ = run_batch(*engine, small_model().tokenizer, path, log, options);
    return lines;
  }

  TempFolder folder_;
  BatchSummary summary_;
};

TEST_F(BatchTest, NRowsGiveNRecordsInOrder) {
  const auto rows = some_rows(40);
  const auto records = run(input(rows));
  ASSERT_EQ(records.size(), rows.size());
  std::uint64_t failed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const json record = json::parse(records[i]);
    EXPECT_EQ(record["index"], i);
    const bool bad = rows[i].empty() || rows[i].find("unknown") != std::string::npos;
    EXPECT_EQ(record.contains("error"), bad) << records[i];
    EXPECT_EQ(is_error_record(records[i]), bad);
    if (bad) ++failed;
    if (!bad) {
      EXPECT_EQ(record["id"], json::parse(rows[i])["id"]);
    }
  }
  EXPECT_EQ(summary_.records, rows.size());
  EXPECT_EQ(summary_.failed, failed);
  EXPECT_EQ(summary_.ok + summary_.failed, summary_.records);
}

// Of equal rows what is left is known from the first step on.
TEST_F(BatchTest, ProgressSaysHowLongItTakes) {
  const std::vector<std::string> rows(6,
                                      R"({"prompt":"A heron","max_tokens":20,"ignore_eos":true})");
  const auto each = 20.0 + static_cast<double>(small_model().tokenizer->encode("A heron").size());
  BatchOptions options;
  options.submitted = 2;
  int early = 0;
  options.on_progress = [&](const BatchProgress& now) {
    const auto computed = static_cast<double>(now.prompt_tokens + now.generated_tokens);
    if (now.total != 6 || computed == 0) return;
    const double left = now.seconds_left * computed / now.seconds;
    EXPECT_NEAR(left + computed, 6 * each, 1e-6) << now.done;
    if (now.done == 0) ++early;
  };
  run(input(rows), {.max_batch = 2}, options);
  EXPECT_EQ(summary_.ok, 6u);
  EXPECT_GT(early, 10);
}

TEST_F(BatchTest, AnswersAreThoseOfSoloRuns) {
  const auto rows = some_rows(20);
  const auto records = run(input(rows));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const json record = json::parse(records[i]);
    if (record.contains("error")) continue;
    const json row = json::parse(rows[i]);
    GenerateOptions options;
    options.max_tokens = row["max_tokens"];
    options.sampling.temperature = row.value("temperature", 0.0);
    if (row.contains("stop")) options.stop = {row["stop"]};
    const auto prompt = small_model().tokenizer->encode(row["prompt"].get<std::string>());
    for (int sample = 0; sample < row.value("n", 1); ++sample) {
      options.sampling.seed = row.value("seed", std::uint64_t{0}) + static_cast<unsigned>(sample);
      SessionOptions one;
      one.threads = 1;
      const auto session = Session::create(small_model().model, one);
      const Generation wanted = generate(*session, *small_model().tokenizer, prompt, options);
      const json& got =
          row.contains("n") ? record["choices"][static_cast<std::size_t>(sample)] : record;
      EXPECT_EQ(got["text"], wanted.text);
      EXPECT_EQ(got["finish_reason"], to_string(wanted.reason));
    }
  }
}

TEST_F(BatchTest, RecordsDoNotDependOnTheBatch) {
  const std::string path = input(some_rows(40));
  const auto wanted = run(path);
  for (const std::int64_t max_batch : {1, 3, 16}) {
    for (const int threads : {1, 2}) {
      EngineOptions options;
      options.max_batch = max_batch;
      options.threads = threads;
      options.prefill_chunk = 5 * max_batch;
      options.share_prefixes = threads == 1;
      BatchOptions batch;
      batch.submitted = 1 + max_batch;
      EXPECT_EQ(run(path, options, batch), wanted) << max_batch << ' ' << threads;
    }
  }
  auto unordered = run(path, {}, {}, false);
  auto sorted = wanted;
  std::sort(unordered.begin(), unordered.end());
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(unordered, sorted);
}

TEST_F(BatchTest, InputsEndsAndMarks) {
  const std::string row = R"({"prompt":"A heron","max_tokens":2})";
  EXPECT_TRUE(run(folder_.write("a", "")).empty());
  const auto one = run(folder_.write("a", row));
  ASSERT_EQ(one.size(), 1u);
  for (const std::string& text : {row + "\n", row + "\r\n", "\xef\xbb\xbf" + row}) {
    EXPECT_EQ(run(folder_.write("a", text)), one);
  }
  EXPECT_EQ(run(folder_.write("a", row + "\n\n" + row)).size(), 3u);
}

TEST_F(BatchTest, LinesArePrompts) {
  BatchOptions options;
  options.lines = true;
  options.defaults.options.max_tokens = 4;
  const auto records = run(folder_.write("a", "A heron\n{\"prompt\":1}\n \n"), {}, options);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(json::parse(records[0])["prompt_tokens"], 5);
  EXPECT_TRUE(json::parse(records[1]).contains("text"));
  EXPECT_EQ(json::parse(records[2])["error"]["code"], "invalid_input");
}

TEST_F(BatchTest, ErrorsHaveTheirCodes) {
  const std::string path = input({
      fmt::format(R"({{"id":"long","prompt":"{}"}})", village_text(1, 3000)),
      R"({"id":"vocabulary","prompt":[100000]})",
      R"({"id":"slow","prompt":"A heron","max_tokens":-1,"ignore_eos":true,"timeout":1e-9})",
      R"({"id":"chat","messages":[{"role":"user","content":"Hi"}]})",
      R"({"id":"template","messages":[{"role":"user","content":"Hi"}],"chat_template":"none"})",
      std::string(5000, 'x'),
  });
  BatchOptions options;
  options.longest_line = 4096;
  const auto records = run(path, {}, options);
  ASSERT_EQ(records.size(), 6u);
  const char* wanted[] = {"limit",       "invalid_input", "timeout",
                          "unsupported", "invalid_input", "limit"};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(json::parse(records[i])["error"]["code"], wanted[i]) << records[i];
  }
}

TEST_F(BatchTest, ALongLineIsRefusedHoweverLong) {
  BatchOptions options;
  options.longest_line = 100;
  const auto records = run(folder_.write("a", "{\"prompt\":\"" + std::string(1 << 20, 'x') +
                                                  "\"}\n" + R"({"prompt":"A","max_tokens":1})"),
                           {}, options);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(json::parse(records[0])["error"]["code"], "limit");
  EXPECT_TRUE(json::parse(records[1]).contains("text"));
}

// A row is answered though its successor has not come yet.
TEST_F(BatchTest, APipeIsAnsweredAsItComes) {
  const std::string path = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
  std::atomic<int> records{0};
  RecordLog log([&](std::string_view) { ++records; });
  std::thread writer([&] {
    const int fd = ::open(path.c_str(), O_WRONLY);
    for (int i = 1; i <= 5; ++i) {
      const std::string row = "{\"prompt\":\"A\",\"max_tokens\":3}\n{\"pro";
      const std::string rest = i == 1 ? row : "mpt\":\"B\",\"max_tokens\":3}\n{\"pro";
      EXPECT_EQ(::write(fd, rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
      for (int wait = 0; wait < 20000 && records < i; ++wait) ::usleep(1000);
      EXPECT_EQ(records, i);
    }
    ::close(fd);
  });
  const BatchSummary summary = run_batch(*engine, small_model().tokenizer, path, log, {});
  writer.join();
  EXPECT_EQ(summary.ok, 5u);
  EXPECT_EQ(summary.failed, 1u);  // the line that was cut
}

TEST_F(BatchTest, StopsBetweenSteps) {
  const std::string path = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);  // never ends, never says anything
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
  RecordLog log([](std::string_view) {});
  int asked = 0;
  BatchOptions options;
  options.stop = [&] { return ++asked > 3; };
  const BatchSummary summary = run_batch(*engine, small_model().tokenizer, path, log, options);
  EXPECT_TRUE(summary.stopped);
  EXPECT_EQ(summary.records, 0u);
  ::close(writer);
}

TEST_F(BatchTest, WhatWasReadBeforeABrokenPlaceIsAnswered) {
  // A zstd frame of two rows, then rubbish.
  const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20};
  const std::string row = "{\"prompt\":\"A\",\"max_tokens\":2}\n";
  std::string frame(reinterpret_cast<const char*>(magic), sizeof magic);
  frame += static_cast<char>(row.size());
  const auto header = static_cast<std::uint32_t>(row.size() << 3 | 1);  // a last, raw block
  for (int i = 0; i < 3; ++i) frame += static_cast<char>(header >> (8 * i));
  const std::string path = folder_.write("a.zst", frame + row + "rubbish");
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
  std::vector<std::string> lines;
  RecordLog log([&](std::string_view line) { lines.emplace_back(line); });
  expect_refused(ErrorCode::kInvalid, "no zstd frame",
                 [&] { run_batch(*engine, small_model().tokenizer, path, log, {}); });
  EXPECT_EQ(lines.size(), 1u);
}

TEST_F(BatchTest, ABrokenOutputEndsTheRunAtOnce) {
  for (const std::string& row : {std::string("bad"), some_rows(1)[0]}) {
    const std::string path = input(std::vector<std::string>(1000, row));
    const auto engine =
        Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
    int written = 0;
    RecordLog log([&](std::string_view) {
      if (++written > 3) throw Error(ErrorCode::kIo, "the disk is full");
    });
    expect_refused(ErrorCode::kIo, "full",
                   [&] { run_batch(*engine, small_model().tokenizer, path, log, {}); });
    EXPECT_EQ(written, 4);
  }
}

TEST_F(BatchTest, ResumesAfterAnyRecord) {
  const auto rows = some_rows(12);
  const std::string path = input(rows), out = folder_.file("out.jsonl");
  BatchOptions options;
  options.run = options_hash(options);
  const auto go = [&](std::uint64_t stop_after) {
    const auto engine =
        Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
    std::uint64_t failed = 0;
    RecordLog log(out, {.resume = true}, [&](std::uint64_t, std::string_view record) {
      if (is_error_record(record)) ++failed;
    });
    options.stop = [&] { return log.written() >= stop_after; };
    return run_batch(*engine, small_model().tokenizer, path, log, options, failed);
  };
  const BatchSummary whole = go(1000);
  const std::string wanted = TempFolder::read(out);
  ::unlink(out.c_str());
  std::uint64_t runs = 0;
  for (std::uint64_t stop = 1;; ++stop, ++runs) {
    const BatchSummary summary = go(stop);
    if (summary.stopped) continue;
    EXPECT_EQ(summary.ok, whole.ok);
    EXPECT_EQ(summary.failed, whole.failed);
    break;
  }
  EXPECT_GT(runs, 3u);
  EXPECT_EQ(TempFolder::read(out), wanted);
  options.defaults.options.sampling.seed = 5;
  options.run = options_hash(options);
  expect_refused(ErrorCode::kInvalid, "other options", [&] { go(1000); });
  EXPECT_EQ(TempFolder::read(out), wanted);
}

TEST(Percentiles, NearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Percentiles p = percentiles(values);
  EXPECT_EQ(p.p50, 50);
  EXPECT_EQ(p.p90, 90);
  EXPECT_EQ(p.p99, 99);
  EXPECT_EQ(p.max, 100);
  EXPECT_DOUBLE_EQ(p.mean, 50.5);
  EXPECT_EQ(percentiles({7}).p50, 7);
  EXPECT_EQ(percentiles({}).max, 0);
}

TEST(Hashes, OptionsAndModelsDiffer) {
  const auto base = options_hash({});
  std::vector<BatchOptions> others(8);
  others[0].lines = true;
  others[1].timings = true;
  others[2].defaults.options.max_tokens = 5;
  others[3].defaults.options.sampling.seed = 5;
  others[4].defaults.options.stop = {"a"};
  others[5].defaults.samples = 2;
  others[6].defaults.system = "";
  others[7].defaults.chat = true;
  for (const BatchOptions& other : others) EXPECT_NE(options_hash(other), base);
  BatchOptions same;
  same.model = "elsewhere/model";
  same.submitted = 3;
  same.defaults.timeout = 9;
  EXPECT_EQ(options_hash(same), base);

  const auto village = Checkpoint::open(testdata("examples/village"));
  const auto tiny = Checkpoint::open(testdata("golden/models/tiny-llama"));
  EXPECT_EQ(content_hash(*village), content_hash(*Checkpoint::open(testdata("examples/village"))));
  EXPECT_NE(content_hash(*village), content_hash(*tiny));
}

}  // namespace
}  // namespace lathe
