#include "workers/role_planner.h"

#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

class RolePlannerTest : public ::testing::Test {
 protected:
  explicit RolePlannerTest() {
    for (KnownWorker& worker : workers_) {
      worker.state = KnownWorker::State::kPresent;
      worker.automatic = true;
      worker.places = 4;
    }
  }

  void open(std::size_t count, std::size_t prompt, std::int64_t answer) {
    for (std::size_t i = 0; i < count; ++i) {
      OpenRow row;
      row.request.prompt.assign(prompt, 7);
      row.request.options.max_tokens = answer;
      rows_.add(next_++, std::move(row));
    }
  }
  void end_all() {
    for (RowId id = 1; id < next_; ++id) rows_.erase(id);
  }

  // A prompt that took a worker so long.
  void see_prompt(double tokens, double seconds) {
    workers_[0].role = WorkerRole::kPrefill;
    planner_.pass(0, now_);
    workers_[0].rows = {99};
    now_ += seconds;
    planner_.pass(0, now_);
    Completion done;
    done.prompt_tokens = static_cast<std::int64_t>(tokens);
    planner_.learn(0, {}, done, true);
    workers_[0].rows.clear();
  }
  // An answer of so many tokens a second, with others beside it.
  void see_answer(std::size_t beside, std::int64_t tokens, double per_second, std::int64_t asked) {
    for (RowId id = 0; id < beside; ++id) workers_[1].rows.insert(1000 + id);
    Request request;
    request.options.max_tokens = asked;
    Completion done;
    done.samples.resize(1);
    done.samples[0].ids.assign(static_cast<std::size_t>(tokens), 5);
    done.samples[0].timings.decode = static_cast<double>(tokens - 1) / per_second;
    planner_.learn(1, request, done, false);
    workers_[1].rows.clear();
  }

  int prompt_workers() const {
    int count = 0;
    for (const KnownWorker& worker : workers_) count += worker.role == WorkerRole::kPrefill ? 1 : 0;
    return count;
  }
  // Plans until nothing changes; how many changed in each.
  std::vector<std::size_t> settle() {
    std::vector<std::size_t> out;
    for (int i = 0; i < 20; ++i) out.push_back(planner_.plan(rows_).size());
    return out;
  }

  std::vector<KnownWorker> workers_ = std::vector<KnownWorker>(6);
  RolePlanner planner_{workers_};
  OpenRows rows_;
  RowId next_ = 1;
  double now_ = 100.0;
};

TEST_F(RolePlannerTest, TheFirstPlanIsFollowedAtOnce) {
  open(10, 1000, 125);  // by the first guess, as much work of both
  EXPECT_EQ(planner_.plan(rows_).size(), 3U);
  EXPECT_EQ(prompt_workers(), 3);
  EXPECT_TRUE(planner_.plan(rows_).empty());
}

TEST_F(RolePlannerTest, RolesFollowTheRatesThatWereSeen) {
  open(10, 1000, 100);
  planner_.plan(rows_);
  see_prompt(1000, 1.0);         // 1 s for a prompt
  see_answer(4, 101, 125, 100);  // 4 * 125 tokens a second: 0.2 s for an answer
  const std::vector<std::size_t> changes = settle();
  EXPECT_EQ(prompt_workers(), 5);
  for (const std::size_t changed : changes) EXPECT_LE(changed, 1U);  // one at a time
  EXPECT_EQ(changes[0], 0U);                                         // two plans have to want it
}

TEST_F(RolePlannerTest, RolesFollowTheTraffic) {
  see_prompt(1000, 1.0);
  see_answer(4, 101, 250, 100);  // as fast as prompts
  workers_[0].role = WorkerRole::kBoth;
  open(10, 1000, 50);
  settle();
  EXPECT_EQ(prompt_workers(), 5);
  end_all();
  open(10, 50, 1000);
  settle();
  EXPECT_EQ(prompt_workers(), 1);
  end_all();
  open(10, 10, 1000);  // too short to be computed apart
  settle();
  EXPECT_EQ(prompt_workers(), 0);
}

TEST_F(RolePlannerTest, AnswersThatEndEarlyCountAsTheyWere) {
  open(10, 1000, 1000);
  see_prompt(1000, 1.0);
  for (int i = 0; i < 10; ++i) see_answer(4, 50, 250, 1000);  // a twentieth of what they might
  settle();
  EXPECT_EQ(prompt_workers(), 5);
}

TEST_F(RolePlannerTest, WhoHasARoleOfItsOwnKeepsIt) {
  workers_[0].automatic = workers_[1].automatic = false;
  workers_[0].role = WorkerRole::kDecode;
  workers_[1].role = WorkerRole::kPrefill;
  open(10, 4000, 1);
  settle();
  EXPECT_EQ(workers_[0].role, WorkerRole::kDecode);
  EXPECT_EQ(workers_[1].role, WorkerRole::kPrefill);
  EXPECT_EQ(prompt_workers(), 5);
  end_all();
  open(10, 40, 4000);
  settle();
  EXPECT_EQ(prompt_workers(), 1);
}

TEST_F(RolePlannerTest, OneWorkerAloneDoesBoth) {
  for (std::size_t i = 1; i < workers_.size(); ++i) {
    workers_[i].state = KnownWorker::State::kAbsent;
  }
  open(10, 1000, 100);
  EXPECT_TRUE(planner_.plan(rows_).empty());
  EXPECT_EQ(prompt_workers(), 0);
}

TEST_F(RolePlannerTest, ThereIsNoPromptLeft) {
  open(10, 1000, 125);
  planner_.plan(rows_);
  EXPECT_EQ(prompt_workers(), 3);
  for (RowId id = 1; id < next_; ++id) rows_.give(id, 5, 0, false);
  settle();
  EXPECT_EQ(prompt_workers(), 0);
}

}  // namespace
}  // namespace lathe
