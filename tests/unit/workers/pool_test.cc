#include "lathe/workers/pool.h"

#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "lathe/error.h"

#include "unit/workers/fake_wire.h"

namespace lathe {
namespace {

// A pool over a wire that the test keeps hold of.
struct Pooled {
  explicit Pooled(std::size_t workers, bool begin = true)
      : wire(new FakeWire(workers)) {  // the pool's
    options.wanted = small_identity();
    options.heartbeat = std::chrono::milliseconds(0);  // a ping with each step
    options.missed = 200;
    options.give_up = 400;
    options.on_warning = [this](const std::string& text) { warnings.push_back(text); };
    if (!begin) return;
    for (auto& worker : wire->here) worker = std::make_unique<FakeWorker>();
    make();
  }
  void make() { pool = WorkerPool::create(std::unique_ptr<WorkerWire>(wire), options); }

  // Submits some requests, and steps until all are answered; `meddle` is called between steps, with
  // how many are.
  void answer(std::uint32_t count, const std::function<void(std::size_t)>& meddle = {}) {
    std::map<RequestId, std::uint32_t> asked;
    for (std::uint32_t i = 0; i < count; ++i) asked[pool->submit(some_request(i))] = i;
    std::size_t answered = 0;
    while (!pool->idle()) {
      for (const Completion& done : pool->step()) {
        ASSERT_TRUE(asked.contains(done.id));
        expect_solo(done, some_request(asked[done.id]));
        asked.erase(done.id);
        ++answered;
      }
      if (meddle) meddle(answered);
    }
    EXPECT_TRUE(asked.empty());
  }

  FakeWire* wire;
  WorkerPoolOptions options;
  std::vector<std::string> warnings;
  std::unique_ptr<WorkerPool> pool;
};

TEST(WorkerPool, AnswersAreThoseOfOneProcess) {
  Pooled run(3);
  run.answer(60);
  EXPECT_EQ(run.pool->present(), 3U);
  EXPECT_EQ(run.pool->stats().completed, 60);
  EXPECT_GT(run.pool->stats().generated_tokens, 60);
}

TEST(WorkerPool, WhatAWorkerHasNoRoomForGoesToTheNext) {
  Pooled run(2, false);
  run.wire->here[0] = std::make_unique<FakeWorker>(1, small_identity(), 0);
  run.wire->here[1] = std::make_unique<FakeWorker>(2, small_identity(), 0);
  run.make();
  run.answer(40);
}

TEST(WorkerPool, LostWorkersAreReplacedByThoseThatAreLeft) {
  Pooled run(3);
  int phase = 0;
  run.answer(80, [&](std::size_t answered) {
    if (phase == 0 && answered >= 5) {
      run.wire->kill(0);
      phase = 1;
    }
    if (phase == 1 && answered >= 20) {
      run.wire->asleep[1] = true;
      phase = 2;
    }
    if (phase == 2 && answered >= 40) {  // one came back, another one comes anew
      run.wire->asleep[1] = false;
      run.wire->here[0] = std::make_unique<FakeWorker>();
      run.wire->kill(2);
      phase = 3;
    }
  });
  EXPECT_EQ(phase, 3);
  EXPECT_FALSE(run.warnings.empty());
}

TEST(WorkerPool, AWorkerThatIsBegunAnewIsGreetedAnew) {
  Pooled run(1);
  bool replaced = false;
  run.answer(30, [&](std::size_t answered) {
    if (replaced || answered < 5) return;
    run.wire->here[0] = std::make_unique<FakeWorker>();
    replaced = true;
  });
  ASSERT_TRUE(replaced);
  ASSERT_EQ(run.warnings.size(), 2U);
  EXPECT_NE(run.warnings[0].find("begun anew"), std::string::npos);
  EXPECT_NE(run.warnings[1].find("is back"), std::string::npos);
}

TEST(WorkerPool, MessagesThatAreLostAreFoundOut) {
  Pooled run(2);
  std::mt19937 chance(1);  // every third would always be the same one
  run.wire->loses = [&](std::size_t, std::string_view) { return chance() % 3 == 0; };
  run.answer(50);
}

TEST(WorkerPool, AnswersThatAreLostAreComputedAgain) {
  Pooled run(2);
  int count = 0;
  run.answer(50, [&](std::size_t) {
    if (++count % 5 == 0) run.wire->mail.clear();
  });
}

TEST(WorkerPool, GarbageFromAWorkerIsItsOwnAffair) {
  Pooled run(2);
  std::size_t next = 5;
  run.answer(40, [&](std::size_t answered) {
    if (answered < next) return;
    next += 10;
    run.wire->mail.push_front({0, "LATHEwk\1\4nonsense"});
    run.wire->mail.push_front({1, std::string(300, '\xff')});
  });
  EXPECT_FALSE(run.warnings.empty());
}

TEST(WorkerPool, ARequestThatTakesWorkersWithItFails) {
  Pooled deadly(1, false);
  deadly.options.most_deaths = 3;
  deadly.wire->here[0] = std::make_unique<FakeWorker>();
  deadly.wire->loses = [&](std::size_t, std::string_view message) {
    if (message[8] != 3) return false;                      // a row
    deadly.wire->here[0] = std::make_unique<FakeWorker>();  // it died of it, and came back
    return true;
  };
  deadly.make();
  const RequestId id = deadly.pool->submit(some_request(1));
  std::vector<Completion> done;
  while (done.empty()) done = deadly.pool->step();
  EXPECT_EQ(done[0].id, id);
  ASSERT_TRUE(done[0].error);
  EXPECT_EQ(done[0].error->message, "3 workers were lost while they had it");
}

TEST(WorkerPool, AnErrorOfTheEngineIsTheRequests) {
  Pooled run(1);
  Request request = some_request(1);
  request.prompt = {1000000};
  run.pool->submit(request);
  std::vector<Completion> done;
  while (done.empty()) done = run.pool->step();
  ASSERT_TRUE(done[0].error);
  EXPECT_EQ(done[0].error->code, ErrorCode::kInvalid);
}

TEST(WorkerPool, CancelledRequestsEndAtOnce) {
  Pooled run(1);
  Request request = some_request(1);
  request.samples = 2;
  request.options.max_tokens = 200;
  const RequestId id = run.pool->submit(request);
  // A worker has it, and no step has taken an answer since.
  while (run.pool->stats().running == 0) run.pool->step();
  EXPECT_TRUE(run.pool->cancel(id));
  EXPECT_FALSE(run.pool->cancel(id));
  const std::vector<Completion> done = run.pool->step();
  ASSERT_EQ(done.size(), 1U);
  ASSERT_EQ(done[0].samples.size(), 2U);
  EXPECT_EQ(done[0].samples[0].reason, FinishReason::kCancelled);
  EXPECT_TRUE(run.pool->idle());
}

std::unique_ptr<FakeWorker> worker_for(WorkerRole role) {
  return std::make_unique<FakeWorker>(4, small_identity(), 2, role);
}

// How what was computed of prompts goes on: through memory or sockets, along with the rest's
// computation or at the end.
class WorkerPoolParts : public testing::TestWithParam<std::tuple<bool, int>> {
 protected:
  void choose(Pooled& run) const {
    std::tie(run.options.share_memory, run.options.part_tokens) = GetParam();
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, WorkerPoolParts,
                         testing::Combine(testing::Bool(), testing::Values(0, 64)));

TEST_P(WorkerPoolParts, PromptsAreComputedApartAndAnswersGoOnFromThere) {
  Pooled run(3, false);
  run.wire->here[0] = worker_for(WorkerRole::kPrefill);
  run.wire->here[1] = worker_for(WorkerRole::kDecode);
  run.wire->here[2] = worker_for(WorkerRole::kDecode);
  choose(run);
  std::size_t through_socket = 0;
  run.wire->loses = [&](std::size_t, std::string_view message) {
    const bool part = message[8] == 11;
    if (part && message.size() > 1000) ++through_socket;
    return false;
  };
  run.make();
  run.answer(60);
  EXPECT_EQ(through_socket > 0, !run.options.share_memory);
  const EngineStats prefill = run.wire->here[0]->service->stats();
  EXPECT_EQ(prefill.generated_tokens, 0);
  EXPECT_GT(prefill.prompt_tokens, 500);
  for (const std::size_t i : {1, 2}) {
    const EngineStats decode = run.wire->here[i]->service->stats();
    EXPECT_GT(decode.generated_tokens, 0);
    // What is too short to be sent, and one token of each that is.
    EXPECT_LT(decode.prefilled_tokens, decode.prompt_tokens / 2);
  }
}

TEST(WorkerPool, WhereOneKindIsMissingTheOtherDoesBoth) {
  for (const WorkerRole role : {WorkerRole::kPrefill, WorkerRole::kDecode}) {
    Pooled run(2, false);
    run.wire->here[0] = worker_for(role);
    run.wire->here[1] = worker_for(role);
    run.make();
    run.answer(20);
  }
}

TEST_P(WorkerPoolParts, NoPromptIsLostBetweenWorkers) {
  Pooled run(4, false);
  choose(run);
  const WorkerRole roles[] = {WorkerRole::kPrefill, WorkerRole::kDecode, WorkerRole::kPrefill,
                              WorkerRole::kBoth};
  for (std::size_t i = 0; i < 4; ++i) run.wire->here[i] = worker_for(roles[i]);
  run.make();
  std::size_t next = 3, victim = 0;
  std::mt19937 chance(2);
  run.wire->loses = [&](std::size_t, std::string_view) { return chance() % 7 == 0; };
  run.answer(80, [&](std::size_t answered) {
    if (answered < next) return;
    next += 12;
    run.wire->here[victim] = worker_for(roles[victim]);  // begun anew
    victim = (victim + 1) % 4;
  });
}

TEST(WorkerPool, WorkersThatLeaveItOpenGetRolesAndChangeNoAnswer) {
  Pooled run(3, false);
  for (auto& worker : run.wire->here) worker = worker_for(WorkerRole::kAuto);
  std::vector<std::string> roles;
  run.options.on_role = [&](const std::string& text) { roles.push_back(text); };
  run.make();
  run.answer(60, [&](std::size_t answered) {
    if (answered == 20) run.wire->here[0] = worker_for(WorkerRole::kAuto);  // begun anew
  });
  ASSERT_FALSE(roles.empty());
  EXPECT_NE(roles[0].find("computes prompts"), std::string::npos) << roles[0];
  EXPECT_TRUE(run.warnings.empty() || run.warnings[0].find("begun anew") != std::string::npos);
}

TEST(WorkerPool, TextsThatAreScoredAreWhole) {
  Pooled run(2, false);
  run.wire->here[0] = worker_for(WorkerRole::kPrefill);
  run.wire->here[1] = worker_for(WorkerRole::kDecode);
  run.make();
  Request request;
  request.prompt = village_prompt(3, 40);
  request.samples = 0;
  request.continuations = {village_prompt(4, 5), village_prompt(5, 3)};
  run.pool->submit(request);
  std::vector<Completion> done;
  while (done.empty()) done = run.pool->step();
  ASSERT_FALSE(done[0].error);
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, {.threads = 1});
  engine->submit(request);
  const auto alone = run_all(*engine);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(done[0].continuations[i].logprobs, alone.begin()->second.continuations[i].logprobs);
  }
}

std::string how_it_ends(Pooled& run) {
  run.pool->submit(some_request(1));
  try {
    for (;;) run.pool->step();
  } catch (const Error& error) {
    return std::string(to_string(error.code())) + ": " + error.message();
  }
}

TEST(WorkerPool, OtherModelsAreNotAsked) {
  Pooled run(1, false);
  WorkerIdentity other = small_identity();
  other.model = 78;
  run.wire->here[0] = std::make_unique<FakeWorker>(4, other);
  run.make();
  EXPECT_EQ(how_it_ends(run),
            "invalid_input: no worker can be used: \"worker 0\" has another model (fingerprint "
            "000000000000004e, not 000000000000004d)");
}

TEST(WorkerPool, NobodyIsWaitedForForEver) {
  Pooled run(2, false);
  run.make();
  EXPECT_EQ(how_it_ends(run), "io: no worker answers; \"worker 0\" was asked 400 times");
}

TEST(WorkerPool, WhatCannotBeSentIsRefused) {
  Pooled run(1);
  Request request = some_request(1);
  request.on_logits = [](std::size_t, std::size_t, std::span<const float>) {};
  EXPECT_THROW(run.pool->submit(request), Error);
  EXPECT_TRUE(run.pool->idle());
}

// Requests whose text is wanted in pieces, and what was told of it.
struct Told {
  std::map<RequestId, std::map<int, std::string>> texts;
  std::size_t pieces = 0;

  RequestId submit(WorkerPool& pool, Request request) {
    auto id = std::make_shared<RequestId>(0);
    request.on_text = [this, id](int sample, std::string_view text) {
      texts[*id][sample] += text;
      ++pieces;
      return true;
    };
    return *id = pool.submit(std::move(request));
  }
  void expect_whole(const Completion& done) {
    ASSERT_FALSE(done.error);
    for (std::size_t i = 0; i < done.samples.size(); ++i) {
      EXPECT_EQ(texts[done.id][static_cast<int>(i)], done.samples[i].text);
    }
  }
};

TEST(WorkerPool, TextComesInPiecesOnceWhoeverIsLost) {
  Pooled run(4, false);
  const WorkerRole roles[] = {WorkerRole::kPrefill, WorkerRole::kDecode, WorkerRole::kBoth,
                              WorkerRole::kBoth};
  for (std::size_t i = 0; i < 4; ++i) run.wire->here[i] = worker_for(roles[i]);
  run.make();
  std::mt19937 chance(3);
  run.wire->loses = [&](std::size_t, std::string_view) { return chance() % 9 == 0; };
  Told told;
  constexpr std::uint32_t kRequests = 40;
  for (std::uint32_t i = 0; i < kRequests; ++i) {
    Request request = some_request(i);
    if (i % 5 == 0) request.samples = 2;
    told.submit(*run.pool, std::move(request));
  }
  std::size_t next = 2, victim = 1, answered = 0, steps = 0;
  while (!run.pool->idle()) {
    for (const Completion& done : run.pool->step()) {
      told.expect_whole(done);
      ++answered;
    }
    if (++steps % 7 == 0 && !run.wire->mail.empty()) run.wire->mail.pop_front();
    if (answered < next) continue;
    next += 6;
    run.wire->here[victim] = worker_for(roles[victim]);  // begun anew
    victim = (victim + 1) % 4;
  }
  EXPECT_EQ(answered, kRequests);
  EXPECT_GT(told.pieces, 2 * kRequests);
}

TEST(WorkerPool, WhoeverHasHeardEnoughEndsHisRequest) {
  Pooled run(1);
  Request request = some_request(1);
  request.options.max_tokens = 200;
  request.options.ignore_eos = true;
  int pieces = 0;
  request.on_text = [&](int, std::string_view) { return ++pieces < 3; };
  run.pool->submit(request);
  std::vector<Completion> done;
  while (done.empty()) done = run.pool->step();
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(done[0].samples[0].reason, FinishReason::kCancelled);
  request.on_text = [&](int, std::string_view) -> bool { throw Error(ErrorCode::kIo, "full"); };
  run.pool->submit(request);
  done.clear();
  while (done.empty()) done = run.pool->step();
  ASSERT_TRUE(done[0].error);
  EXPECT_EQ(done[0].error->message, "full");
}

}  // namespace
}  // namespace lathe
