// Answers that somebody judges, many at once: they are those of solo runs, however long he takes.
#include <chrono>
#include <gtest/gtest.h>
#include <thread>

#include "lathe/answer_check.h"
#include "lathe/speculation.h"

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

// Rejects passages by their texts alone, and takes now and then longer for it.
class Picky : public AnswerJudge {
 public:
  explicit Picky(int most_milliseconds) : most_(most_milliseconds) {}
  CheckVerdict judge(const CheckedText& text, const std::atomic<bool>& given_up) override {
    const std::size_t hash = std::hash<std::string>()(text.text);
    for (int i = 0; most_ > 0 && i < static_cast<int>(hash / 7 % most_) && !given_up; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ++judged;
    if (hash % 3 == 0) return {.kind = CheckVerdict::Kind::kWrong, .message = "no"};
    if (hash % 11 == 1 && !text.text.empty()) {
      return {.kind = CheckVerdict::Kind::kWrong, .at = text.text.size() - 1};
    }
    return {hash % 5 == 0 && !text.complete ? CheckVerdict::Kind::kOpen
                                            : CheckVerdict::Kind::kAccepted};
  }
  std::atomic<int> judged = 0;

 private:
  int most_;
};

class Silent : public AnswerJudge {
 public:
  CheckVerdict judge(const CheckedText&, const std::atomic<bool>& given_up) override {
    while (!given_up) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {};
  }
};

std::shared_ptr<const AnswerCheck> check_by(std::shared_ptr<AnswerJudge> judge,
                                            const std::string& places) {
  auto check = std::make_shared<AnswerCheck>();
  check->judge = std::move(judge);
  check->places = check_places(places);
  check->tries = 4;
  return check;
}

Request judged_request(std::uint32_t seed) {
  static const char* const kPlaces[] = {"sentence", "end", "( )", "line"};
  Request request = some_request(seed);
  request.options.check =
      check_by(std::make_shared<Picky>(seed % 2 == 0 ? 4 : 0), kPlaces[seed % 4]);
  return request;
}

void expect_same_reports(const Completion& got, const std::vector<Generation>& want) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_TRUE(got.samples[i].check && want[i].check);
    EXPECT_EQ(got.samples[i].check->judged, want[i].check->judged);
    EXPECT_EQ(got.samples[i].check->rejected, want[i].check->rejected);
    EXPECT_EQ(got.samples[i].check->dropped_tokens, want[i].check->dropped_tokens);
    EXPECT_EQ(got.samples[i].check->failed, want[i].check->failed);
  }
}

void expect_solo_answers(EngineOptions options) {
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
  std::vector<Request> requests;
  for (std::uint32_t i = 0; i < 40; ++i) {
    requests.push_back(i % 5 == 4 ? some_request(i) : judged_request(i));
    engine->submit(requests.back());
  }
  const auto done = run_all(*engine);
  std::int64_t rejected = 0, tokens = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Completion& got = done.at(i + 1);
    expect_solo(got, requests[i]);
    for (const Generation& sample : got.samples) {
      tokens += std::ssize(sample.ids);
      if (sample.check != nullptr) rejected += sample.check->rejected;
    }
    if (requests[i].options.check) expect_same_reports(got, solo_answers(requests[i]));
  }
  EXPECT_GT(rejected, 20);
  // Ends that were chosen count as tokens there, and nothing that was taken back.
  EXPECT_GE(engine->stats().generated_tokens, tokens);
}

TEST(EngineCheck, JudgedAnswersAreThoseOfSoloRuns) {
  for (const std::int64_t batch : {1, 7}) {
    EngineOptions options;
    options.threads = 2;
    options.max_batch = batch;
    expect_solo_answers(options);
  }
}

TEST(EngineCheck, SoTheyAreWithDrafts) {
  EngineOptions options;
  options.threads = 2;
  options.max_batch = 6;
  options.speculator = std::make_shared<Speculator>();
  expect_solo_answers(options);
  EXPECT_GT(options.speculator->stats().accepted, 0);
}

TEST(EngineCheck, SoTheyAreWhereMemoryIsShort) {
  EngineOptions options;
  options.threads = 2;
  options.max_batch = 6;
  options.kv_memory = 7 * kv_layout(*small_model().model, KvType::kF16).page_bytes;
  expect_solo_answers(options);
}

TEST(EngineCheck, DraftsOfASoloRunChangeNothing) {
  Speculator speculator;
  const auto session = solo_session();
  for (std::uint32_t i = 0; i < 20; ++i) {
    const Request request = judged_request(i);
    const Generation got = generate(*session, *small_model().tokenizer, request.prompt,
                                    request.options, {}, &speculator);
    expect_same(got, solo_answers(request).front());
  }
}

TEST(EngineCheck, OthersGoOnWhileOneIsJudged) {
  EngineOptions options;
  options.threads = 1;
  options.max_batch = 2;
  const auto engine = Engine::create(small_model().model, small_model().tokenizer, options);
  Request stuck = some_request(1);
  stuck.samples = 1;
  stuck.options.check = check_by(std::make_shared<Silent>(), "(.)");
  stuck.timeout = 0.5;
  Request cancelled = stuck;
  cancelled.timeout = 0;
  const RequestId first = engine->submit(stuck);
  const RequestId other = engine->submit(some_request(2));
  const RequestId last = engine->submit(cancelled);
  std::map<RequestId, Completion> done;
  while (!engine->idle()) {
    for (Completion& completion : engine->step()) {
      const RequestId id = completion.id;
      // Then it runs alone.
      const bool frees = id == first;
      EXPECT_EQ(frees && engine->cancel(last), frees);
      done.emplace(id, std::move(completion));
    }
  }
  EXPECT_EQ(done.at(first).error->code, ErrorCode::kLimit);
  EXPECT_FALSE(done.at(other).error);
  EXPECT_FALSE(done.at(last).error);
  EXPECT_EQ(done.at(last).samples.front().reason, FinishReason::kCancelled);
}

}  // namespace
}  // namespace lathe
