// The village model in 8 bits (promise 2 is about quantized models), requests to it, and what a
// solo run answers.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/engine.h"
#include "lathe/quantize.h"

#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {

struct SmallModel {
  SmallModel() {
    const auto source = Checkpoint::open(testdata("examples/village"));
    QuantizeOptions options;
    options.scheme = "w8";
    options.threads = 1;
    quantize(*source, folder.file("village.lathe"), options);
    const auto checkpoint = Checkpoint::open(folder.file("village.lathe"));
    model = Model::load(checkpoint);
    tokenizer = Tokenizer::create(*checkpoint->tokenizer_files());
  }

  test::TempFolder folder;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
};

inline const SmallModel& small_model() {
  static const SmallModel model;
  return model;
}

// Words of the village; equal seeds give equal texts, and longer ones begin with shorter ones.
inline std::string village_text(std::uint32_t seed, int words) {
  static const std::vector<std::string> kWords = {
      "The",  "miller", "found",  "nine", "letters", "beside", "the",    "well",
      "when", "bell",   "rang",   "A",    "heron",   "mended", "copper", "kettle",
      "at",   "ford",   "Monday", "and",  "baker",   "barley", "Tuesday"};
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < words; ++i) text += (i == 0 ? "" : " ") + kWords[random() % kWords.size()];
  return text;
}

inline std::vector<TokenId> village_prompt(std::uint32_t seed, int words) {
  return small_model().tokenizer->encode(village_text(seed, words));
}

// A request of varied kind; every third shares its beginning with another one.
inline Request some_request(std::uint32_t seed) {
  std::mt19937 random(seed + 1000);
  Request request;
  const std::uint32_t text = seed % 3 == 0 ? 7 : seed;
  request.prompt = village_prompt(text, 1 + static_cast<int>(random() % 60));
  if (random() % 4 == 0) {
    request.prompt = village_prompt(7, 40);
    const auto tail = village_prompt(seed, 5);
    request.prompt.insert(request.prompt.end(), tail.begin() + 1, tail.end());
  }
  request.options.max_tokens = 1 + static_cast<std::int64_t>(random() % 40);
  if (random() % 2 == 0) {
    request.options.sampling.temperature = 0.9;
    request.options.sampling.seed = seed;
  }
  if (random() % 4 == 0) request.options.logprobs = 2;
  if (random() % 4 == 0) request.options.stop = {"the "};
  if (random() % 5 == 0) request.options.ignore_eos = true;
  if (random() % 5 == 0) request.samples = 3;
  return request;
}

inline std::unique_ptr<Session> solo_session(KvType type = KvType::kF16) {
  SessionOptions options;
  options.threads = 1;
  options.kv_type = type;
  return Session::create(small_model().model, options);
}

inline std::vector<Generation> solo_answers(const Request& request, KvType type = KvType::kF16) {
  const auto session = solo_session(type);
  std::vector<Generation> out;
  for (int i = 0; i < request.samples; ++i) {
    GenerateOptions options = request.options;
    options.sampling.seed += static_cast<std::uint64_t>(i);
    out.push_back(generate(*session, *small_model().tokenizer, request.prompt, options));
  }
  return out;
}

inline void expect_same(const Generation& got, const Generation& want) {
  EXPECT_EQ(got.text, want.text);
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.reason, want.reason);
  EXPECT_EQ(got.stop_text, want.stop_text);
  EXPECT_EQ(got.end_token, want.end_token);
  ASSERT_EQ(got.tokens.size(), want.tokens.size());
  for (std::size_t i = 0; i < want.tokens.size(); ++i) {
    EXPECT_EQ(got.tokens[i].logprob, want.tokens[i].logprob) << i;
    ASSERT_EQ(got.tokens[i].top.size(), want.tokens[i].top.size());
    for (std::size_t j = 0; j < want.tokens[i].top.size(); ++j) {
      EXPECT_EQ(got.tokens[i].top[j].id, want.tokens[i].top[j].id);
      EXPECT_EQ(got.tokens[i].top[j].logprob, want.tokens[i].top[j].logprob);
    }
  }
}

inline void expect_solo(const Completion& got, const Request& request, KvType type = KvType::kF16) {
  ASSERT_FALSE(got.error) << got.error->message;
  const std::vector<Generation> want = solo_answers(request, type);
  ASSERT_EQ(got.samples.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "request " << got.id << " sample " << i);
    expect_same(got.samples[i], want[i]);
  }
}

// Steps until nothing is left; completions by id.
inline std::map<RequestId, Completion> run_all(Engine& engine) {
  std::map<RequestId, Completion> out;
  while (!engine.idle()) {
    for (Completion& done : engine.step()) {
      const RequestId id = done.id;
      EXPECT_TRUE(out.emplace(id, std::move(done)).second) << id << " twice";
    }
  }
  return out;
}

}  // namespace lathe
