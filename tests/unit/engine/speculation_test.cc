// Drafts change no byte: answers of the engine and of generate() with a speculator are those
// without.
#include "lathe/speculation.h"

#include <gtest/gtest.h>

#include "lathe/model_config.h"

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

// Answers of one session, with drafts, to so many requests.
void expect_solo_answers(Speculator& speculator, std::uint32_t requests) {
  const auto session = solo_session();
  for (std::uint32_t i = 0; i < requests; ++i) {
    Request request = repeating_request(i);
    request.samples = 1;
    const Generation got = generate(*session, *small_model().tokenizer, request.prompt,
                                    request.options, {}, &speculator);
    expect_same(got, solo_answers(request).front());
    EXPECT_EQ(session->kv_usage().tokens_stored, 0);
  }
}

TEST(Speculation, SoIsASoloAnswer) {
  Speculator speculator;
  expect_solo_answers(speculator, 30);
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

// The same model in fewer bits.
std::shared_ptr<const Model> draft_model() {
  static const test::TempFolder folder;
  static const std::shared_ptr<const Model> model = [] {
    QuantizeOptions options;
    options.scheme = "w4";
    options.threads = 1;
    quantize(*Checkpoint::open(testdata("examples/village")), folder.file("w4.lathe"), options);
    return Model::load(Checkpoint::open(folder.file("w4.lathe")));
  }();
  return model;
}

TEST(Speculation, SoIsWhatASmallerModelWritesAhead) {
  for (const bool copies : {false, true}) {
    for (const std::int64_t batch : {1, 5}) {
      SpeculationOptions how;
      how.copies = copies;
      how.draft = draft_model();
      how.draft_threads = 1;
      how.draft_positions = 8 * how.draft->config().max_position;
      EngineOptions options;
      options.threads = 2;
      options.max_batch = batch;
      options.speculator = std::make_shared<Speculator>(how);
      const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
      std::vector<Request> requests;
      for (std::uint32_t i = 0; i < 24; ++i) {
        requests.push_back(i % 3 == 0 ? repeating_request(i) : some_request(i));
        engine->submit(requests.back());
      }
      const auto done = run_all(*engine);
      for (std::size_t i = 0; i < requests.size(); ++i) expect_solo(done.at(i + 1), requests[i]);
      const SpeculationStats stats = options.speculator->stats();
      EXPECT_GT(stats.model_drafted, 0);
      EXPECT_GT(stats.model_seconds, 0.0);
      EXPECT_LE(stats.model_accepted, stats.model_drafted);
    }
  }
}

TEST(Speculation, ASmallerModelThatHasNoRoomIsNoHarm) {
  SpeculationOptions how;
  how.draft = draft_model();
  how.draft_positions = 70;
  how.draft_tokens = 40;  // and it may say next to nothing
  Speculator speculator(how);
  expect_solo_answers(speculator, 20);
}

}  // namespace
}  // namespace lathe
