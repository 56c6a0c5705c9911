#include "lathe/serve/service.h"

#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using std::chrono::milliseconds;

std::unique_ptr<Service> make_service(const ServiceOptions& options = {}) {
  EngineOptions how;
  how.threads = 2;
  how.max_batch = options.max_batch;
  return Service::create(Engine::create(small_model().model, small_model().tokenizer, how),
                         options);
}

// What came by pieces, and the end.
struct Heard {
  std::string text;
  Completion done;
};

Heard hear_out(PendingAnswer& answer) {
  Heard out;
  for (;;) {
    AnswerNews news = answer.wait(milliseconds(1000));
    for (const AnswerPiece& piece : news.pieces) out.text += piece.text;
    if (!news.done) continue;
    out.done = *std::move(news.done);
    return out;
  }
}

// Takes long if nobody cancels it.
constexpr int kManySamples = 256;
Request endless() {
  Request out = some_request(1);
  out.samples = kManySamples;
  out.options.max_tokens = 200;
  out.options.ignore_eos = true;
  out.options.stop.clear();
  return out;
}

template <typename Condition>
bool comes_about(Condition&& condition) {
  for (int i = 0; i < 30000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

TEST(Service, CallersOfManyThreadsGetWhatEachWouldGetAlone) {
  const auto service = make_service({.max_batch = 5, .max_waiting = 1000});
  std::vector<std::thread> callers;
  std::vector<Heard> heard(24);
  for (std::uint32_t i = 0; i < heard.size(); ++i) {
    callers.emplace_back([&, i] { heard[i] = hear_out(*service->submit(some_request(i))); });
  }
  for (std::thread& caller : callers) caller.join();
  for (std::uint32_t i = 0; i < heard.size(); ++i) {
    expect_solo(heard[i].done, some_request(i));
    if (heard[i].done.samples.size() == 1) {
      EXPECT_EQ(heard[i].text, heard[i].done.samples[0].text);
    }
  }
  EXPECT_EQ(service->stats().completed, 24);
  EXPECT_TRUE(service->drain(milliseconds(0)));
}

TEST(Service, TurnsAwayWhatWouldWaitTooLong) {
  const auto service = make_service({.max_batch = 1, .max_waiting = 1});
  const auto first = service->submit(endless());
  auto second = service->submit(endless());
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(service->submit(some_request(2)), nullptr);
  EXPECT_FALSE(service->drain(milliseconds(10)));
  EXPECT_GT(service->ready_in(), 0.0);
  second.reset();
  EXPECT_TRUE(comes_about([&] { return service->submit(endless()) != nullptr; }));
}

TEST(Service, WhoLetsGoOfAnAnswerCancelsIt) {
  const auto service = make_service();
  auto answer = service->submit(endless());
  EXPECT_FALSE(answer->wait(milliseconds(300000)).pieces.empty());
  answer.reset();
  EXPECT_TRUE(service->drain(milliseconds(300000)));
  EXPECT_LT(service->stats().generated_tokens, kManySamples * 200);
}

TEST(Service, CancelsAllWhenAsked) {
  const auto service = make_service();
  const auto first = service->submit(endless());
  const auto second = service->submit(endless());
  service->cancel_all();
  for (const auto& answer : {first, second}) {
    const Completion done = hear_out(*answer).done;
    EXPECT_FALSE(done.error);
    for (const Generation& sample : done.samples) {
      EXPECT_EQ(sample.reason, FinishReason::kCancelled);
    }
  }
}

TEST(Service, SaysWhatIsWrongWithARequest) {
  const auto service = make_service();
  Request empty = some_request(1);
  empty.prompt.clear();
  const Completion done = hear_out(*service->submit(std::move(empty))).done;
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, ErrorCode::kInvalid);
  EXPECT_FALSE(service->failure());
  EXPECT_FALSE(hear_out(*service->submit(some_request(2))).done.error);
}

TEST(Service, EndsWithWhatRuns) {
  std::shared_ptr<PendingAnswer> answer;
  {
    const auto service = make_service();
    answer = service->submit(endless());
    EXPECT_FALSE(answer->wait(milliseconds(300000)).pieces.empty());
  }
  const Completion done = hear_out(*answer).done;
  ASSERT_TRUE(done.error);
  EXPECT_EQ(done.error->code, ErrorCode::kFailed);
}

}  // namespace
}  // namespace lathe
