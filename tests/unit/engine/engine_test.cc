#include "lathe/engine.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <thread>

#include "support/paths.h"
#include "support/refusal.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using test::expect_refused;

std::unique_ptr<Engine> make_engine(EngineOptions options = {}) {
  if (options.threads == 0) options.threads = 2;
  return Engine::create(small_model().model, small_model().tokenizer, options);
}

TEST(Engine, AnswersAreThoseOfSoloRuns) {
  for (const std::int64_t chunk : {1, 7, 300}) {
    const auto engine = make_engine({.max_batch = 1 + chunk % 5, .prefill_chunk = chunk});
    std::vector<Request> requests;
    for (std::uint32_t i = 0; i < 24; ++i) requests.push_back(some_request(i));
    for (const Request& request : requests) engine->submit(request);
    const auto done = run_all(*engine);
    ASSERT_EQ(done.size(), requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
    const EngineStats stats = engine->stats();
    EXPECT_EQ(stats.submitted, 24);
    EXPECT_EQ(stats.completed, 24);
    EXPECT_EQ(stats.running + stats.waiting, 0);
  }
}

// Enough that all threads choose.
TEST(Engine, ManyDrawSideBySide) {
  const auto engine = make_engine({.threads = 3, .max_batch = 200});
  Request request;
  request.prompt = village_prompt(3, 5);
  request.options.max_tokens = 5;
  request.options.sampling.temperature = 0.9;
  request.options.sampling.top_p = 0.95;
  request.options.logprobs = 1;
  request.samples = 190;
  engine->submit(request);
  expect_solo(run_all(*engine).at(1), request);
}

TEST(Engine, KnowsWhichModelsBitsDependOnNeighbours) {
  EXPECT_TRUE(small_model().model->batch_invariant());
  const auto floats = Model::load(Checkpoint::open(testdata("examples/village")));
  EXPECT_FALSE(floats->batch_invariant());
}

TEST(Engine, StreamsWhatItAnswers) {
  const auto engine = make_engine();
  Request request = some_request(1);
  request.samples = 2;
  std::vector<std::string> streamed(2);
  request.on_text = [&](int sample, std::string_view text) {
    streamed.at(static_cast<std::size_t>(sample)) += text;
    return true;
  };
  engine->submit(request);
  const auto done = run_all(*engine);
  EXPECT_EQ(streamed[0], done.at(1).samples[0].text);
  EXPECT_EQ(streamed[1], done.at(1).samples[1].text);
}

TEST(Engine, ACallbackEndsItsSampleOnly) {
  const auto engine = make_engine();
  Request request;
  request.prompt = village_prompt(3, 5);
  request.options.ignore_eos = true;
  request.samples = 2;
  request.on_text = [](int sample, std::string_view) { return sample == 1; };
  engine->submit(request);
  const auto done = run_all(*engine);
  EXPECT_EQ(done.at(1).samples[0].reason, FinishReason::kCancelled);
  EXPECT_EQ(done.at(1).samples[1].reason, FinishReason::kLength);
}

TEST(Engine, AnErrorOfACallbackFailsItsRequestOnly) {
  const auto engine = make_engine();
  Request request = some_request(2);
  request.samples = 2;
  engine->submit(request);
  request.on_text = [](int, std::string_view) -> bool {
    throw Error(ErrorCode::kIo, "the reader is gone");
  };
  engine->submit(request);
  const auto done = run_all(*engine);
  EXPECT_FALSE(done.at(1).error);
  ASSERT_TRUE(done.at(2).error);
  EXPECT_EQ(done.at(2).error->code, ErrorCode::kIo);
  EXPECT_EQ(done.at(2).error->message, "the reader is gone");
  EXPECT_EQ(engine->stats().failed, 1);
}

TEST(Engine, AHookSeesEachSampleAndFailsItsRequestOnly) {
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, {.threads = 2});
  Request request;
  request.prompt = village_prompt(2, 20);
  request.samples = 2;
  request.options.max_tokens = 12;
  request.options.ignore_eos = true;
  request.options.sampling.temperature = 0.9;
  std::vector<std::size_t> calls(2);
  const auto caller = std::this_thread::get_id();
  const TokenId never =
      generate(*solo_session(), *small_model().tokenizer, request.prompt, request.options)
          .ids.front();
  request.options.edit_logits = [&](std::span<float> logits, const ChoicePoint& at) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    ++calls.at(static_cast<std::size_t>(at.sample));
    logits[static_cast<std::size_t>(never)] = -std::numeric_limits<float>::infinity();
  };
  engine->submit(request);
  Request broken = request;
  broken.options.edit_logits = [](std::span<float>, const ChoicePoint&) {
    throw Error(ErrorCode::kInvalid, "not here");
  };
  engine->submit(broken);
  const auto done = run_all(*engine);
  EXPECT_EQ(calls, (std::vector<std::size_t>{12, 12}));
  ASSERT_FALSE(done.at(1).error);
  for (const Generation& sample : done.at(1).samples) {
    EXPECT_EQ(std::count(sample.ids.begin(), sample.ids.end(), never), 0);
  }
  expect_solo(done.at(1), request);
  ASSERT_TRUE(done.at(2).error);
  EXPECT_EQ(done.at(2).error->message, "not here");
}

// What the engine scores is what a forward pass over prompt and continuation says.
TEST(Engine, ScoresContinuations) {
  const auto engine = make_engine({.max_batch = 2, .prefill_chunk = 16});
  Request request;
  request.prompt = village_prompt(5, 30);
  request.samples = 0;
  for (const int words : {1, 4, 12}) {
    const auto text = village_prompt(9, words);
    request.continuations.emplace_back(text.begin() + 1, text.end());
  }
  request.continuations.push_back({request.continuations[0][0]});
  engine->submit(request);
  request.samples = 1;
  engine->submit(request);
  const auto done = run_all(*engine);
  expect_solo(done.at(2), request);
  for (const RequestId id : {RequestId{1}, RequestId{2}}) {
    ASSERT_EQ(done.at(id).continuations.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      const std::vector<TokenId>& text = request.continuations[i];
      std::vector<TokenId> all = request.prompt;
      all.insert(all.end(), text.begin(), text.end());
      const auto session = solo_session();
      const SequenceInput input = {session->add(), all, true};
      const std::span<const float> logits = session->forward({&input, 1});
      const ContinuationScore& score = done.at(id).continuations[i];
      ASSERT_EQ(score.logprobs.size(), text.size());
      double total = 0.0;
      for (std::size_t j = 0; j < text.size(); ++j) {
        const auto row = logits.subspan((request.prompt.size() - 1 + j) * 400, 400);
        double sum = 0.0;
        for (const float x : row) sum += std::exp(static_cast<double>(x));
        const double want = row[static_cast<std::size_t>(text[j])] - std::log(sum);
        EXPECT_NEAR(score.logprobs[j], want, 1e-9);
        total += want;
      }
      EXPECT_NEAR(score.total, total, 1e-8);
    }
  }
  EXPECT_EQ(done.at(1).continuations[3].logprobs[0], done.at(1).continuations[0].logprobs[0]);
}

TEST(Engine, RefusesWhatCouldNeverFit) {
  const auto engine = make_engine({.context = 100});
  EXPECT_EQ(engine->context(), 100);
  Request request;
  const auto submit = [&] { engine->submit(request); };
  request.prompt.assign(101, 5);
  expect_refused(ErrorCode::kLimit, "101 tokens, but the context holds 100", submit);
  request.prompt.clear();
  expect_refused(ErrorCode::kInvalid, "the prompt is empty", submit);
  request.prompt = {1, 400};
  expect_refused(ErrorCode::kInvalid, "token 400", submit);
  request.prompt = {1};
  request.options.max_tokens = -2;
  expect_refused(ErrorCode::kUsage, "max_tokens -2", submit);
  EXPECT_TRUE(engine->idle());
  EXPECT_EQ(engine->stats().submitted, 0);
  expect_refused(ErrorCode::kLimit, "holds nothing", [] { make_engine({.kv_memory = 1}); });
  expect_refused(ErrorCode::kUsage, "0 sequences", [] { make_engine({.max_batch = 0}); });
}

TEST(Engine, CancelsWhatWaitsAndWhatRuns) {
  const auto engine = make_engine({.max_batch = 1});
  Request request;
  request.prompt = village_prompt(3, 5);
  request.options.ignore_eos = true;
  request.options.max_tokens = 50;
  for (int i = 0; i < 3; ++i) engine->submit(request);
  for (int i = 0; i < 4; ++i) engine->step();
  EXPECT_TRUE(engine->cancel(1));
  EXPECT_TRUE(engine->cancel(3));
  EXPECT_FALSE(engine->cancel(3));
  EXPECT_FALSE(engine->cancel(99));
  const auto done = run_all(*engine);
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(done.at(1).samples[0].reason, FinishReason::kCancelled);
  EXPECT_EQ(done.at(1).samples[0].ids.size(), 4U);
  EXPECT_EQ(done.at(3).samples[0].ids.size(), 0U);
  expect_solo(done.at(2), request);
  EXPECT_EQ(engine->stats().cancelled, 2);
}

TEST(Engine, TimesOut) {
  const auto engine = make_engine();
  Request request;
  request.prompt = village_prompt(3, 5);
  request.options.ignore_eos = true;
  request.options.max_tokens = 400;
  request.timeout = 1e-9;
  engine->submit(request);
  const auto done = run_all(*engine);
  ASSERT_TRUE(done.at(1).error);
  EXPECT_EQ(done.at(1).error->code, ErrorCode::kLimit);
  EXPECT_LT(done.at(1).samples[0].ids.size(), 400U);
}

// A long prompt rides along in pieces that those who decode can bear.
TEST(Engine, ALongPromptDoesNotHoldUpWhatDecodes) {
  const auto engine = make_engine();
  Request request;
  request.options.ignore_eos = true;
  request.options.max_tokens = 100;
  for (std::uint32_t i = 0; i < 8; ++i) {
    request.prompt = village_prompt(i, 5);
    engine->submit(request);
  }
  engine->step();
  ASSERT_EQ(engine->stats().generated_tokens, 8);
  request.prompt = village_prompt(20, 150);
  ASSERT_GT(request.prompt.size(), 300U);
  engine->submit(request);
  int steps = 0;
  for (EngineStats before = engine->stats();; ++steps) {
    engine->step();
    const EngineStats now = engine->stats();
    EXPECT_GE(now.generated_tokens - before.generated_tokens, 8) << steps;
    // By the time that it takes, and so more here or less there, but never all of it.
    EXPECT_LE(now.prefilled_tokens - before.prefilled_tokens, 256);
    before = now;
    if (now.prompt_tokens > 300) break;
  }
  EXPECT_GE(steps, 2);
  run_all(*engine);
}

TEST(Engine, NothingToGenerateEndsAtOnce) {
  const auto engine = make_engine();
  Request request;
  request.prompt = village_prompt(3, 5);
  request.options.max_tokens = 0;
  engine->submit(request);
  EXPECT_FALSE(engine->idle());
  const auto done = engine->step();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].samples[0].reason, FinishReason::kLength);
  EXPECT_TRUE(engine->idle());
  EXPECT_EQ(engine->stats().steps, 0);
}

TEST(Engine, TheDefaultMemoryIsSomeButNotAll) {
  EXPECT_GE(default_kv_memory(), std::uint64_t{64} << 20);
}

}  // namespace
}  // namespace lathe
