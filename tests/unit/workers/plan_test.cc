#include "lathe/workers/plan.h"

#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lathe/error.h"

#include "base/json.h"

namespace lathe {
namespace {

// A worker that reads 1,000 tokens a second, and whose steps take 10 ms and 1 ms for each answer.
WorkerRates some_rates() {
  WorkerRates out;
  out.prefill = 1000.0;
  for (const double batch : {1.0, 10.0, 40.0}) {
    out.decode.push_back({batch, batch / (0.010 + 0.001 * batch)});
  }
  return out;
}

RequestLengths equal_lengths(double prompt, double answer) {
  return {prompt, prompt * prompt, answer};
}

const WorkerSplit& best_of(const WorkerPlan& plan) { return plan.splits[plan.best]; }

TEST(Plan, ThroughputsOfBothKindsMatch) {
  // A prompt takes 0.5 s, an answer 100 tokens / (40 / 0.05 s) = 0.125 s: four to one.
  const WorkerPlan plan = plan_workers(some_rates(), equal_lengths(500, 100), 5, {}, 0.0);
  ASSERT_EQ(plan.splits.size(), 5U);
  EXPECT_EQ(best_of(plan).prefill, 4);
  EXPECT_EQ(best_of(plan).decode, 1);
  EXPECT_NEAR(best_of(plan).highest_rate, 8.0, 1e-9);
  EXPECT_EQ(plan.splits[0].bound, PlanBound::kPrefill);
  EXPECT_NEAR(plan.splits[0].highest_rate, 2.0, 1e-9);
  // Who does both can't do more than all of the work in all of the time.
  EXPECT_NEAR(plan.splits.back().highest_rate, 5 / 0.625, 1e-9);
  EXPECT_EQ(plan.splits.back().both, 5);
}

TEST(Plan, LongAnswersWantWorkersThatWrite) {
  const WorkerPlan plan = plan_workers(some_rates(), equal_lengths(100, 400), 6, {}, 0.0);
  EXPECT_EQ(best_of(plan).prefill, 1);
  EXPECT_EQ(plan.splits[4].bound, PlanBound::kDecode);
}

TEST(Plan, TheWayBetweenThemMayBeTheBound) {
  WorkerRates rates = some_rates();
  rates.bytes_per_token = 1000.0;
  rates.transfer = 1e6;  // half a second for a prompt
  const WorkerPlan plan = plan_workers(rates, equal_lengths(500, 100), 5, {}, 1.0);
  EXPECT_EQ(best_of(plan).bound, PlanBound::kTransfer);
  EXPECT_NEAR(best_of(plan).highest_rate, 2.0, 1e-9);
  const WorkerPlan without = plan_workers(some_rates(), equal_lengths(500, 100), 5, {}, 1.0);
  EXPECT_NEAR(plan.splits[3].first_token - without.splits[3].first_token, 0.5, 1e-9);
}

TEST(Plan, TimesAreThoseOfQueuesThatAreKnown) {
  // One worker each. M/D/1 at half of its rate: the wait is S / 2.
  WorkerPlan plan = plan_workers(some_rates(), equal_lengths(500, 10), 2, {}, 1.0);
  const WorkerSplit& apart = plan.splits[0];
  EXPECT_NEAR(apart.prefill_busy, 0.5, 1e-12);
  // 10 tokens a second: one answer at a time, 11 ms a step.
  EXPECT_NEAR(apart.per_token, 0.011, 1e-9);
  EXPECT_NEAR(apart.first_token, 0.25 + 0.5 + 0.011, 1e-6);
  // M/M/2 (squared variation 1) with a load of 1: Erlang's C is 1/3, the wait S / 3.
  plan = plan_workers(some_rates(), {500, 500000, 10}, 3, {}, 2.0);
  EXPECT_NEAR(plan.splits[1].first_token, 0.5 / 3 + 0.5 + 0.011, 1e-3);
}

TEST(Plan, StepsGetLongerWithTheRate) {
  // 100 tokens for each of 4 requests a second: 400 a second want b / (10 + b) = 0.4.
  const WorkerPlan plan = plan_workers(some_rates(), equal_lengths(10, 100), 2, {}, 4.0);
  EXPECT_NEAR(plan.splits[0].batch, 10 / 1.5, 0.2);
  EXPECT_NEAR(plan.splits[0].per_token, (10 + 10 / 1.5) / 1000, 1e-3);
  // Prompts in between make them longer where one does both.
  EXPECT_GT(plan.splits[1].per_token, 0.0);
}

TEST(Plan, WhatIsNotHeldNeverComes) {
  const WorkerPlan plan = plan_workers(some_rates(), equal_lengths(500, 100), 2, {}, 100.0);
  for (const WorkerSplit& split : plan.splits) EXPECT_TRUE(std::isinf(split.first_token));
  const std::string text = plan_text(plan, some_rates(), equal_lengths(500, 100), 0);
  EXPECT_NE(text.find("never"), std::string::npos) << text;
  const auto json = parse_json(plan_json(plan, some_rates(), equal_lengths(500, 100), {}), "plan");
  EXPECT_TRUE(json.at("best").at("ttft").is_null());
}

TEST(Plan, AnObjectiveBoundsTheRate) {
  const RequestLengths lengths = equal_lengths(200, 100);
  const WorkerPlan free = plan_workers(some_rates(), lengths, 4, {}, 0.0);
  LoadObjective objective;
  objective.per_token = 0.020;  // ten answers side by side
  const WorkerPlan bound = plan_workers(some_rates(), lengths, 4, objective, 0.0);
  for (std::size_t i = 0; i < free.splits.size(); ++i) {
    EXPECT_LE(bound.splits[i].highest_rate, free.splits[i].highest_rate);
  }
  // One worker writes 10 / 0.02 s = 500 tokens a second then: 5 requests.
  EXPECT_NEAR(bound.splits[2].highest_rate, 5.0, 0.01);
  EXPECT_EQ(bound.splits[2].bound, PlanBound::kObjective);
  objective.per_token = 0.001;  // less than a step
  const WorkerPlan none = plan_workers(some_rates(), lengths, 4, objective, 0.0);
  EXPECT_EQ(none.splits[0].highest_rate, 0.0);
}

TEST(Plan, ALargerStepThatSeemedQuickerIsNoQuicker) {
  WorkerRates rates = some_rates();
  rates.decode = {{1, 10}, {2, 100}};  // 100 ms, then 20 ms
  const WorkerPlan plan = plan_workers(rates, equal_lengths(10, 10), 2, {}, 1.5);
  EXPECT_NEAR(plan.splits[0].per_token, 0.1, 1e-9);
}

TEST(Plan, WhatMeansNothingIsRefused) {
  const RequestLengths lengths = equal_lengths(10, 10);
  EXPECT_THROW(plan_workers(some_rates(), lengths, 1, {}, 0.0), Error);
  EXPECT_THROW(plan_workers(some_rates(), equal_lengths(0, 10), 2, {}, 0.0), Error);
  EXPECT_THROW(plan_workers(some_rates(), equal_lengths(10, 0), 2, {}, 0.0), Error);
  WorkerRates rates = some_rates();
  rates.prefill = 0.0;
  EXPECT_THROW(plan_workers(rates, lengths, 2, {}, 0.0), Error);
  rates = some_rates();
  rates.decode = {};
  EXPECT_THROW(plan_workers(rates, lengths, 2, {}, 0.0), Error);
  rates.decode = {{4, 10}, {2, 10}};
  EXPECT_THROW(plan_workers(rates, lengths, 2, {}, 0.0), Error);
}

TEST(WorkersForPrompts, FollowTheWork) {
  EXPECT_EQ(workers_for_prompts(1, 1, 2), 1);
  EXPECT_EQ(workers_for_prompts(9, 1, 10), 9);
  EXPECT_EQ(workers_for_prompts(1, 9, 10), 1);
  EXPECT_EQ(workers_for_prompts(2, 1, 3), 2);
  EXPECT_EQ(workers_for_prompts(1000, 1, 3), 2);  // somebody writes
  EXPECT_EQ(workers_for_prompts(1, 1, 1), 0);
  EXPECT_EQ(workers_for_prompts(0, 1, 4), 0);
  EXPECT_EQ(workers_for_prompts(1, 0, 4), 0);
}

TEST(LengthsOf, AreMeans) {
  const RequestLengths lengths = lengths_of({{0, 10, 4}, {1, 30, 8}});
  EXPECT_DOUBLE_EQ(lengths.prompt, 20);
  EXPECT_DOUBLE_EQ(lengths.prompt_square, 500);
  EXPECT_DOUBLE_EQ(lengths.answer, 6);
}

}  // namespace
}  // namespace lathe
