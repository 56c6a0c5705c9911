// Drafts change no byte: answers of the engine and of generate() with a speculator are those
// without.
#include "lathe/speculation.h"

#include <gtest/gtest.h>

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

// Texts that repeat themselves, which the village model goes on with.
Request repeating_request(std::uint32_t seed) {
  Request request = some_request(seed);
  const std::vector<TokenId> once = village_prompt(seed % 5, 12);
  request.prompt = once;
  request.prompt.insert(request.prompt.end(), once.begin() + 1, once.end());
  request.options.max_tokens = 60;
  return request;
}

TEST(Speculation, AnswersOfAnEngineAreTheSame) {
  for (const std::int64_t batch : {1, 3, 8}) {
    EngineOptions options;
    options.threads = 2;
    options.max_batch = batch;
    options.speculator = std::make_shared<Speculator>();
    const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
    std::vector<Request> requests;
    for (std::uint32_t i = 0; i < 30; ++i) {
      requests.push_back(i % 2 == 0 ? repeating_request(i) : some_request(i));
    }
    for (const Request& request : requests) engine->submit(request);
    const auto done = run_all(*engine);
    for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
    EXPECT_GT(options.speculator->stats().accepted, 0) << batch;
    EXPECT_LE(options.speculator->stats().accepted, options.speculator->stats().drafted);
  }
}

TEST(Speculation, SoIsWhatMemoryThatIsShortGives) {
  EngineOptions options;
  options.threads = 2;
  options.max_batch = 6;
  options.kv_memory = 6 * kv_layout(*small_model().model, KvType::kF16).page_bytes;
  options.speculator = std::make_shared<Speculator>();
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 12; ++i) requests.push_back(repeating_request(i));
  for (const Request& request : requests) engine->submit(request);
  const auto done = run_all(*engine);
  for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
  EXPECT_GT(options.speculator->stats().accepted, 0);
}

TEST(Speculation, SoIsASoloAnswer) {
  Speculator speculator;
  const auto session = solo_session();
  for (std::uint32_t i = 0; i < 30; ++i) {
    Request request = repeating_request(i);
    request.samples = 1;
    const Generation got = generate(*session, *small_model().tokenizer, request.prompt,
                                    request.options, {}, &speculator);
    expect_same(got, solo_answers(request).front());
    EXPECT_EQ(session->kv_usage().tokens_stored, 0);
  }
  EXPECT_GT(speculator.stats().accepted, 0);
}

// The session has just the room that the answer needs.
TEST(Speculation, DraftsNeedNoRoomOfTheirOwn) {
  Speculator speculator;
  for (std::uint32_t i = 0; i < 10; ++i) {
    Request request = repeating_request(i);
    request.samples = 1;
    request.options.ignore_eos = true;
    request.options.stop.clear();
    SessionOptions options;
    options.threads = 1;
    options.max_tokens = std::ssize(request.prompt) + request.options.max_tokens - 1;
    const auto session = Session::create(small_model().model, options);
    const Generation got = generate(*session, *small_model().tokenizer, request.prompt,
                                    request.options, {}, &speculator);
    EXPECT_EQ(got.ids, solo_answers(request).front().ids);
  }
}

}  // namespace
}  // namespace lathe
