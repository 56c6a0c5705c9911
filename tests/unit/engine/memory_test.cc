// Budgets too small for what is asked: who gives way, and the same answers all the same.
#include <gtest/gtest.h>
#include <random>
#include <set>

#include "lathe/engine.h"

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

std::uint64_t page_bytes() {
  static const std::uint64_t bytes = kv_layout(*small_model().model, KvType::kF16).page_bytes;
  return bytes;
}

std::unique_ptr<Engine> make_engine(EngineOptions options) {
  if (options.threads == 0) options.threads = 1;
  return Engine::create(small_model().model, small_model().tokenizer, options);
}

std::vector<Request> long_requests(std::uint32_t count) {
  std::vector<Request> out;
  for (std::uint32_t i = 0; i < count; ++i) {
    Request request;
    request.prompt = village_prompt(i + 1, 10 + static_cast<int>(i % 5) * 10);
    request.options.max_tokens = 200;
    request.options.ignore_eos = true;
    request.options.sampling.temperature = i % 2 == 0 ? 0.0 : 0.8;
    out.push_back(std::move(request));
  }
  return out;
}

TEST(EngineMemory, PreemptedSequencesGiveTheSameBytes) {
  const test::TempFolder folder;
  for (const bool share : {true, false}) {
    for (const bool spill : {false, true}) {
      EngineOptions options;
      options.kv_memory = 8 * page_bytes();
      options.max_batch = 6;
      options.prefill_chunk = 40;
      options.share_prefixes = share;
      if (spill) options.spill_file = folder.file("spill");
      const auto engine = make_engine(options);
      const auto requests = long_requests(8);
      for (const Request& request : requests) engine->submit(request);
      const auto done = run_all(*engine);
      for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
      const EngineStats stats = engine->stats();
      EXPECT_GT(stats.preemptions, 0);
      EXPECT_LE(stats.kv_bytes_used, stats.kv_bytes);
      EXPECT_EQ(stats.kv_bytes, 8 * page_bytes());
      EXPECT_LE(stats.spilled, spill ? stats.preemptions : 0);
    }
  }
}

TEST(EngineMemory, KeptBeginningsGoBeforeAnythingThatRuns) {
  EngineOptions options;
  options.kv_memory = 8 * page_bytes();
  options.max_batch = 1;
  const auto engine = make_engine(options);
  const auto requests = long_requests(6);
  for (const Request& request : requests) engine->submit(request);
  const auto done = run_all(*engine);
  for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
  EXPECT_EQ(engine->stats().preemptions, 0);
}

TEST(EngineMemory, WhatCouldNeverFitIsRefusedWithBothNumbers) {
  const auto engine = make_engine({.kv_memory = 2 * page_bytes()});
  Request request;
  request.prompt = village_prompt(1, 10);
  request.options.max_tokens = 200;
  try {
    engine->submit(request);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLimit);
    EXPECT_NE(error.message().find(std::to_string(request.prompt.size() + 199)), std::string::npos);
    EXPECT_NE(error.message().find("128"), std::string::npos);
  }
  // Without a number of its own the answer ends where the memory does.
  request.options.max_tokens = -1;
  request.options.ignore_eos = true;
  engine->submit(request);
  const auto done = run_all(*engine);
  ASSERT_FALSE(done.at(1).error);
  EXPECT_EQ(done.at(1).samples[0].reason, FinishReason::kContext);
  EXPECT_EQ(done.at(1).samples[0].ids.size(), 128 - request.prompt.size() + 1);
}

TEST(EngineMemory, AContextThatJustFitsRuns) {
  for (const std::int64_t total : {128, 129, 192}) {
    const auto engine = make_engine({.kv_memory = 3 * page_bytes()});
    Request request;
    request.prompt = village_prompt(1, 20);
    request.options.ignore_eos = true;
    request.options.max_tokens = total - static_cast<std::int64_t>(request.prompt.size()) + 1;
    for (int i = 0; i < 3; ++i) engine->submit(request);
    const auto done = run_all(*engine);
    for (const RequestId id : {1, 2, 3}) expect_solo(done.at(id), request);
  }
}

// Random requests, cancellations, timeouts and budgets: what must hold afterwards, and at each
// step. LATHE_STRESS=n runs n times as many.
TEST(EngineMemory, RandomLoadKeepsItsPromises) {
  const char* more = std::getenv("LATHE_STRESS");
  const std::uint32_t rounds = 6 * (more == nullptr ? 1 : std::max(1, std::atoi(more)));
  const test::TempFolder folder;
  for (std::uint32_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    std::mt19937 random(round);
    EngineOptions options;
    options.threads = 1 + static_cast<int>(round % 2);
    options.kv_memory = (8 + random() % 20) * page_bytes();
    options.max_batch = 1 + static_cast<std::int64_t>(random() % 9);
    options.prefill_chunk = 1 + static_cast<std::int64_t>(random() % 200);
    options.share_prefixes = random() % 4 != 0;
    if (random() % 2 == 0) options.spill_file = folder.file("spill");
    if (random() % 2 == 0) {
      options.cache_dir = folder.file("cache");
      options.cache_size = 20 * page_bytes();
    }
    const auto engine = make_engine(options);
    std::map<RequestId, Request> asked;
    std::set<RequestId> cancelled;
    std::map<RequestId, Completion> done;
    const std::uint32_t total = 40;
    while (asked.size() < total || !engine->idle()) {
      if (asked.size() < total && random() % 3 != 0) {
        Request request = some_request(static_cast<std::uint32_t>(random() % 100));
        if (random() % 8 == 0) request.timeout = 1e-4;
        if (random() % 6 == 0) request.continuations.push_back({5, 6, 7});
        try {
          const RequestId id = engine->submit(request);
          asked.emplace(id, std::move(request));
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kLimit);
        }
      }
      if (!asked.empty() && random() % 15 == 0) {
        const RequestId id = 1 + random() % asked.size();
        if (engine->cancel(id)) cancelled.insert(id);
      }
      for (Completion& completion : engine->step()) {
        const RequestId id = completion.id;
        EXPECT_TRUE(done.emplace(id, std::move(completion)).second);
      }
      const EngineStats stats = engine->stats();
      ASSERT_LE(stats.kv_bytes_used, stats.kv_bytes);
      ASSERT_EQ(stats.submitted, stats.completed + stats.failed + stats.waiting + stats.running);
    }
    ASSERT_EQ(done.size(), asked.size());
    for (const auto& [id, request] : asked) {
      const Completion& completion = done.at(id);
      if (completion.error) {
        EXPECT_GT(request.timeout, 0.0);
        EXPECT_NE(completion.error->message.find("timed out"), std::string::npos);
        continue;
      }
      if (cancelled.contains(id)) continue;
      expect_solo(completion, request);
      for (const ContinuationScore& score : completion.continuations) {
        EXPECT_EQ(score.logprobs.size(), 3U);
      }
    }
    EXPECT_TRUE(engine->idle());
  }
}

}  // namespace
}  // namespace lathe
