#include "speculate/speculator.h"

#include <gtest/gtest.h>
#include <vector>

#include "support/refusal.h"

namespace lathe {
namespace {

using Text = std::vector<TokenId>;

Text drafted(const SequenceDraft& draft) { return {draft.tokens().begin(), draft.tokens().end()}; }

// What is drafted behind `history` where a row more costs nothing.
Text draft_of(Speculator::State& speculator, const Text& history, std::int64_t most = 16) {
  for (std::int64_t rows = 1; rows <= 17; ++rows) speculator.note(rows, 1.0);
  SequenceDraft draft(speculator);
  draft.follow(history, most);
  SequenceDraft* const drafts[] = {&draft};
  speculator.plan(drafts);
  return drafted(draft);
}

TEST(Speculator, CopiesWhatFollowedInTheSequence) {
  Speculator::State speculator({});
  EXPECT_EQ(draft_of(speculator, {1, 2, 3, 4, 5, 1, 2, 3}), (Text{4, 5, 1, 2, 3}));
  EXPECT_EQ(draft_of(speculator, {1, 2, 3, 4, 5, 1, 2, 3}, 2), (Text{4, 5}));
  EXPECT_EQ(draft_of(speculator, {1, 2, 3, 4, 5, 1, 2, 3}, 0), Text{});
  EXPECT_EQ(draft_of(speculator, {1, 2, 3, 4, 5}), Text{});
}

TEST(Speculator, CopiesFromGivenTextsAndEndedSequences) {
  Speculator::State speculator({.corpus = {{10, 11, 12, 13}, {20, 21, 22}}});
  EXPECT_EQ(draft_of(speculator, {5, 10, 11}), (Text{12, 13}));
  EXPECT_EQ(draft_of(speculator, {22, 20}), (Text{21, 22}));
  speculator.keep(Text{11, 12, 99, 98});
  EXPECT_EQ(draft_of(speculator, {11, 12, 99}), Text{98});
  // The longest agreement decides.
  EXPECT_EQ(draft_of(speculator, {10, 11, 12}), Text{13});
}

TEST(Speculator, DraftsNothingWhereItCostsMoreThanItGives) {
  Speculator::State speculator({});
  for (std::int64_t rows = 1; rows <= 17; ++rows) speculator.note(rows, static_cast<double>(rows));
  SequenceDraft draft(speculator);
  SequenceDraft* const drafts[] = {&draft};
  int tried = 0;
  for (int pass = 0; pass < 200; ++pass) {
    draft.follow(Text{1, 2, 3, 4, 1, 2}, 16);
    speculator.plan(drafts);
    if (!draft.tokens().empty()) ++tried;
  }
  EXPECT_GT(tried, 0);  // now and then, for times change
  EXPECT_LT(tried, 6);
}

TEST(Speculator, LearnsWhetherDraftsHold) {
  Speculator::State speculator({});
  // A second row costs a fifth more: worth it while more than a fifth holds.
  for (std::int64_t rows = 1; rows <= 17; ++rows) {
    speculator.note(rows, 1.0 + 0.2 * static_cast<double>(rows - 1));
  }
  const Text history = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};
  SequenceDraft draft(speculator);
  SequenceDraft* const drafts[] = {&draft};
  const auto drafted_now = [&] {
    draft.follow(history, 16);
    speculator.plan(drafts);
    return draft.tokens().size();
  };
  EXPECT_GT(drafted_now(), 0u);
  for (int i = 0; i < 30 && drafted_now() > 0; ++i) draft.settle(0);
  EXPECT_EQ(drafted_now(), 0u);
  // Another sequence has not failed, but others' luck says something of its own.
  for (int i = 0; i < 60; ++i) {
    draft.follow(history, 16);
    draft.settle(std::ssize(draft.tokens()));
  }
  EXPECT_GT(drafted_now(), 1u);
}

TEST(Speculator, SharesAPassOutToWhatHoldsBest) {
  Speculator::State speculator({.max_draft = 8});
  // Up to six rows are free, more are dear.
  for (std::int64_t rows = 1; rows <= 18; ++rows) speculator.note(rows, rows <= 6 ? 1.0 : 10.0);
  SequenceDraft sure(speculator);
  SequenceDraft doubtful(speculator);
  Text long_repeat;
  for (int turn = 0; turn < 2; ++turn) {
    for (TokenId token = 0; token < 40; ++token) long_repeat.push_back(token);
  }
  sure.follow(long_repeat, 16);
  doubtful.follow(Text{1, 2, 3, 1}, 16);
  SequenceDraft* const drafts[] = {&sure, &doubtful};
  speculator.plan(drafts);
  EXPECT_EQ(sure.tokens().size(), 4u);
  EXPECT_EQ(doubtful.tokens().size(), 0u);
}

TEST(Speculator, CountsWhatItDid) {
  Speculator::State speculator({});
  EXPECT_EQ(draft_of(speculator, {1, 2, 3, 1, 2}), (Text{3, 1, 2}));
  SequenceDraft draft(speculator);
  draft.follow(Text{1, 2, 3, 1, 2}, 16);
  draft.settle(2);
  EXPECT_EQ(speculator.stats().passes, 1);
  EXPECT_EQ(speculator.stats().drafted, 3);
  EXPECT_EQ(speculator.stats().accepted, 2);
}

TEST(Speculator, RefusesDraftsOfNoLength) {
  for (const std::int64_t most : {-1, 0, 65}) {
    test::expect_refused(ErrorCode::kUsage, "max_draft",
                         [&] { Speculator speculator({.max_draft = most}); });
  }
}

TEST(Speculator, FirstSeesWhatAPassWithoutDraftsCosts) {
  Speculator::State speculator({});
  const auto drafts_any = [&] {
    SequenceDraft draft(speculator);
    draft.follow(Text{1, 2, 3, 4, 1, 2, 3}, 16);
    SequenceDraft* const drafts[] = {&draft};
    speculator.plan(drafts);
    return !draft.tokens().empty();
  };
  EXPECT_TRUE(drafts_any());
  speculator.note(4, 1.0);
  EXPECT_FALSE(drafts_any());
  speculator.note(1, 0.9);
  EXPECT_TRUE(drafts_any());
}

// Passes of two sequences whose drafts took so long to write and gave so many tokens, where a pass
// without takes a second.
DraftBalance balance_of(int passes, double drafting, std::int64_t held) {
  DraftBalance balance;
  for (int i = 0; i < passes; ++i) {
    balance.begin(2, drafting);
    balance.note_pass(1.25);
    balance.note_held(held);
    balance.end(1.0);
  }
  return balance;
}

TEST(DraftBalance, SaysWhetherDraftsGaveMoreThanTheyTook) {
  // Half a token more for each, against 0.25 + 0.125 passes, or 0.25 + 0.5.
  EXPECT_TRUE(balance_of(20, 0.125, 1).has_won());
  EXPECT_FALSE(balance_of(20, 0.125, 1).has_lost());
  EXPECT_TRUE(balance_of(20, 0.5, 1).has_lost());
  EXPECT_FALSE(balance_of(20, 0.5, 1).has_won());
}

TEST(DraftBalance, WaitsForEnoughPassesAndForgets) {
  DraftBalance balance = balance_of(4, 0.5, 1);
  EXPECT_FALSE(balance.has_lost());
  EXPECT_FALSE(balance.has_won());
  balance = balance_of(200, 0.5, 1);
  EXPECT_TRUE(balance.has_lost());
  balance.forget();
  EXPECT_FALSE(balance.has_lost());
}

TEST(DraftBalance, CountsNoPassWithoutDrafts) {
  EXPECT_FALSE(balance_of(100, 0.0, 0).has_lost());
  EXPECT_FALSE(balance_of(100, 0.0, 2).has_won());
}

TEST(PassCost, LacksWhatOnlyMoreRowsWereMeasuredOf) {
  PassCost cost;
  EXPECT_FALSE(cost.lacks(4));
  cost.note(8, 1.0);
  EXPECT_TRUE(cost.lacks(4));
  EXPECT_FALSE(cost.lacks(8));
  EXPECT_FALSE(cost.lacks(500));
  cost.note(2, 0.5);
  EXPECT_FALSE(cost.lacks(4));
  EXPECT_TRUE(cost.lacks(1));
}

TEST(PassCost, FillsGapsWithLines) {
  PassCost cost;
  EXPECT_LT(cost.of(1), cost.of(8));
  cost.note(1, 1.0);
  cost.note(9, 3.0);
  EXPECT_DOUBLE_EQ(cost.of(5), 2.0);
  EXPECT_GT(cost.of(12), 3.0);
  cost.note(5, 1.5);
  EXPECT_DOUBLE_EQ(cost.of(3), 1.25);
}

}  // namespace
}  // namespace lathe
