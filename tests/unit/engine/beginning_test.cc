// Prompts that one engine computes for another.
#include <gtest/gtest.h>
#include <memory>

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

std::unique_ptr<Engine> make_engine(KvType type = KvType::kF16) {
  EngineOptions how;
  how.threads = 1;
  how.kv_type = type;
  return Engine::create(small_model().model, small_model().tokenizer, how);
}

// All of a prompt but its last token, in parts of at least so many.
std::shared_ptr<const Beginning> compute(Engine& engine, const Request& of, std::int64_t part = 0) {
  Request request;
  request.prompt.assign(of.prompt.begin(), of.prompt.end() - 1);
  request.samples = 0;
  request.beginning_part = part;
  auto out = std::make_shared<Beginning>();
  request.on_beginning = [&](const std::string& kind, BeginningPart more) {
    out->of = kind;
    out->tokens += more.tokens;
    out->parts.push_back(std::move(more));
  };
  engine.submit(request);
  auto done = run_all(engine);
  EXPECT_FALSE(done.begin()->second.error);
  return out;
}

// What an engine answers that is given a beginning; how many tokens of prompts it computed.
std::int64_t expect_answer(Engine& engine, Request request,
                           std::shared_ptr<const Beginning> beginning, KvType type = KvType::kF16) {
  request.beginning = std::move(beginning);
  const std::int64_t before = engine.stats().prefilled_tokens;
  engine.submit(request);
  expect_solo(run_all(engine).begin()->second, request, type);
  return engine.stats().prefilled_tokens - before;
}

std::vector<std::int64_t> tokens_of(const Beginning& beginning) {
  std::vector<std::int64_t> out;
  for (const BeginningPart& part : beginning.parts) out.push_back(part.tokens);
  return out;
}

Request long_request(std::uint32_t seed) {
  Request request;
  request.prompt = village_prompt(seed, 20 + 9 * static_cast<int>(seed));
  request.options.max_tokens = 30;
  if (seed % 2 == 1) {
    request.options.sampling.temperature = 0.8;
    request.samples = 2;
  }
  return request;
}

TEST(Beginning, AnotherEngineGoesOnFromItWithTheSameAnswer) {
  for (const KvType type : {KvType::kF16, KvType::kInt8, KvType::kInt4}) {
    const auto prefill = make_engine(type);
    const auto decode = make_engine(type);
    for (std::uint32_t seed = 0; seed < 8; ++seed) {
      const Request request = long_request(seed);
      EXPECT_EQ(expect_answer(*decode, request, compute(*prefill, request), type), 1) << seed;
    }
    EXPECT_EQ(prefill->stats().generated_tokens, 0);
  }
}

TEST(Beginning, ComesInPartsWhileTheRestIsComputed) {
  EngineOptions how;
  how.threads = 1;
  how.prefill_chunk = 40;
  Request request = long_request(0);
  request.prompt = village_prompt(3, 230);
  request.prompt.resize(230);
  for (const std::int64_t part : {1, 100, 0}) {
    const auto prefill = Engine::create(small_model().model, small_model().tokenizer, how);
    const auto beginning = compute(*prefill, request, part);
    const std::vector<std::int64_t> tokens = tokens_of(*beginning);
    const std::vector<std::int64_t> wanted = part == 1 ? std::vector<std::int64_t>{64, 64, 64, 37}
                                             : part == 100 ? std::vector<std::int64_t>{128, 101}
                                                           : std::vector<std::int64_t>{229};
    EXPECT_EQ(tokens, wanted);
    EXPECT_EQ(expect_answer(*make_engine(), request, beginning), 1);
  }
}

TEST(Beginning, IsPassedOverWhereItIsDamagedOrOfSomethingElse) {
  const auto prefill = make_engine();
  const Request request = long_request(2);
  const auto good = compute(*prefill, request);
  ASSERT_NE(good, nullptr);
  const auto size = std::ssize(request.prompt);
  EXPECT_EQ(good->tokens, size - 1);
  const auto changed = [&](auto&& change) {
    auto copy = std::make_shared<Beginning>(*good);
    change(*copy);
    return copy;
  };
  const std::shared_ptr<const Beginning> bad[] = {
      changed([](Beginning& b) { b.parts[0].checksum ^= 1; }),
      changed([](Beginning& b) { b.of += "x"; }),
      changed([](Beginning& b) { b.tokens += 500; }),
      changed([](Beginning& b) { b.tokens = -1; }),
      changed([](Beginning& b) { b.parts[0].pages = b.parts[0].pages.first(8); }),
      changed([](Beginning& b) { b.parts.clear(); }),
      changed([](Beginning& b) { b.parts.push_back(b.parts[0]); }),
      compute(*make_engine(KvType::kInt8), request),
  };
  for (const auto& one : bad) {
    EXPECT_EQ(expect_answer(*make_engine(), request, one), size);
  }
}

TEST(Beginning, WaitsForRoomAsOthersDo) {
  const auto prefill = make_engine();
  EngineOptions tight;
  tight.threads = 1;
  tight.kv_memory = 12 * kv_layout(*small_model().model, KvType::kF16).page_bytes;
  const auto decode = Engine::create(small_model().model, small_model().tokenizer, tight);
  std::map<RequestId, Request> asked;
  for (std::uint32_t seed = 0; seed < 9; ++seed) {
    Request request = long_request(seed);
    request.beginning = compute(*prefill, request);
    asked[decode->submit(request)] = request;
  }
  for (const auto& [id, done] : run_all(*decode)) expect_solo(done, asked[id]);
}

}  // namespace
}  // namespace lathe
