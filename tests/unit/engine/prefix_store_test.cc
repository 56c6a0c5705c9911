#include "engine/prefix_store.h"

#include <gtest/gtest.h>
#include <numeric>

#include "unit/engine/small_model.h"

namespace lathe {
namespace {

class PrefixStoreTest : public testing::Test {
 protected:
  SequenceId computed(std::span<const TokenId> tokens) {
    const SequenceInput input = {session_->add(), tokens, false};
    session_->forward({&input, 1});
    return input.sequence;
  }
  std::int64_t pages_used() const { return session_->kv_usage().pages_used; }

  static std::vector<TokenId> tokens(std::size_t count, TokenId first = 3) {
    std::vector<TokenId> out(count);
    std::iota(out.begin(), out.end(), first);
    return out;
  }

  std::unique_ptr<Session> session_ = solo_session();
};

TEST_F(PrefixStoreTest, FindsTheLongestCommonBeginning) {
  PrefixStore store(*session_);
  const auto a = tokens(100);
  auto b = a;
  b[50] = 1;
  const SequenceId kept_a = computed(a);
  const SequenceId kept_b = computed(b);
  store.keep(kept_a, a);
  store.keep(kept_b, b);
  EXPECT_EQ(store.size(), 2U);
  EXPECT_EQ(store.find(a).sequence, kept_a);
  EXPECT_EQ(store.find(a).length, 100);
  EXPECT_EQ(store.find(b).sequence, kept_b);
  EXPECT_EQ(store.find(std::span(b).first(70)).length, 70);
  auto c = a;
  c[60] = 1;
  EXPECT_EQ(store.find(c).sequence, kept_a);
  EXPECT_EQ(store.find(c).length, 60);
  EXPECT_EQ(store.find(tokens(5, 9)).length, 0);
}

TEST_F(PrefixStoreTest, KeepsALongerTextInPlaceOfItsBeginning) {
  PrefixStore store(*session_);
  const auto text = tokens(130);
  store.keep(computed(std::span(text).first(70)), std::span(text).first(70));
  store.keep(computed(text), text);
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(pages_used(), 3);
  store.keep(computed(std::span(text).first(90)), std::span(text).first(90));
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.find(text).length, 130);
  EXPECT_EQ(pages_used(), 3);
}

TEST_F(PrefixStoreTest, ShrinksWhatWasNotUsedForLongest) {
  PrefixStore store(*session_);
  const auto a = tokens(200, 3);
  const auto b = tokens(150, 100);
  const SequenceId kept_a = computed(a);
  store.keep(kept_a, a);
  store.keep(computed(b), b);
  EXPECT_EQ(pages_used(), 7);
  store.touch(kept_a);
  EXPECT_TRUE(store.shrink(1));
  EXPECT_EQ(pages_used(), 6);
  EXPECT_EQ(store.find(b).length, 128);
  EXPECT_EQ(store.find(a).length, 200);
  EXPECT_TRUE(store.shrink(2));
  EXPECT_EQ(store.find(b).length, 0);
  EXPECT_TRUE(store.shrink(100));
  EXPECT_EQ(pages_used(), 0);
  EXPECT_FALSE(store.shrink(1));
}

TEST_F(PrefixStoreTest, PagesThatAreSharedStayUntilTheLastEntry) {
  PrefixStore store(*session_);
  const auto a = tokens(128);
  const SequenceId kept = computed(a);
  const SequenceId fork = session_->fork(kept, 128);
  const auto more = tokens(64, 200);
  const SequenceInput input = {fork, more, false};
  session_->forward({&input, 1});
  auto b = a;
  b.insert(b.end(), more.begin(), more.end());
  b[127] = 1;  // as if it differed: the entries must not merge
  store.keep(kept, a);
  store.keep(fork, b);
  EXPECT_EQ(pages_used(), 3);
  store.touch(fork);
  EXPECT_TRUE(store.shrink(2));  // the entry has nothing alone
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(pages_used(), 3);
  EXPECT_TRUE(store.shrink(2));
  EXPECT_EQ(pages_used(), 1);
}

}  // namespace
}  // namespace lathe
