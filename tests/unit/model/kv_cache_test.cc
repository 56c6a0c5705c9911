#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

const KvShape kShape = {.layers = {{2, 6}, {3, 4}}, .window = 0, .type = KvType::kF32};

void grow(KvCache& cache, SequenceId sequence, std::int64_t count) {
  const KvCache::Growth growth = {sequence, count};
  cache.reserve({&growth, 1}, count);
  cache.extend(sequence, count);
}

float* key_at(const KvCache& cache, SequenceId sequence, std::int64_t position) {
  const auto layer = static_cast<std::int64_t>(cache.shape().layers.size()) - 1;
  const auto& [kv_heads, head_dim] = cache.shape().layers.back();
  return reinterpret_cast<float*>(
             cache.keys(sequence, position / kKvPageTokens, layer, kv_heads - 1)) +
         position % kKvPageTokens * head_dim;
}

float* value_at(const KvCache& cache, SequenceId sequence, std::int64_t position) {
  return reinterpret_cast<float*>(cache.values(sequence, position / kKvPageTokens, 0, 0)) +
         position % kKvPageTokens * cache.shape().layers[0].head_dim;
}

// Writes numbers that tell positions and writers apart.
void append(KvCache& cache, SequenceId sequence, std::int64_t count, float tag) {
  const std::int64_t from = cache.length(sequence);
  grow(cache, sequence, count);
  for (std::int64_t p = from; p < from + count; ++p) {
    *key_at(cache, sequence, p) = tag + static_cast<float>(p);
    *value_at(cache, sequence, p) = -tag - static_cast<float>(p);
  }
}

void expect_tags(const KvCache& cache, SequenceId sequence, std::int64_t from, std::int64_t to,
                 float tag) {
  for (std::int64_t p = from; p < to; ++p) {
    ASSERT_EQ(*key_at(cache, sequence, p), tag + static_cast<float>(p)) << p;
    ASSERT_EQ(*value_at(cache, sequence, p), -tag - static_cast<float>(p)) << p;
  }
}

TEST(KvShape, BlocksHoldOnePageOfOneHead) {
  KvShape s = kShape;
  EXPECT_EQ(s.key_bytes(0), 64U * 6 * 4);
  EXPECT_EQ(s.value_bytes(1), 64U * 4 * 4);
  EXPECT_EQ(s.page_bytes(), 64U * 4 * 2 * (2 * 6 + 3 * 4));
  s.type = KvType::kF16;
  EXPECT_EQ(s.key_bytes(0), 64U * 6 * 2);
}

TEST(KvShape, FingerprintsTellLayersApart) {
  KvShape s = kShape;
  EXPECT_EQ(s.fingerprint(),
            "lathe-kv 2 f32 page=64 layers=1 heads=2 dim=6 layers=1 heads=3 dim=4 window=0");
  std::swap(s.layers[0], s.layers[1]);
  EXPECT_NE(s.fingerprint(), kShape.fingerprint());
  s.layers = {{3, 4}, {3, 4}};
  EXPECT_EQ(s.fingerprint(), "lathe-kv 2 f32 page=64 layers=2 heads=3 dim=4 window=0");
}

TEST(KvCache, BlocksOfLayersAndHeadsDoNotOverlap) {
  KvCache cache(kShape, 64);
  const SequenceId s = cache.add();
  grow(cache, s, 1);
  std::byte* const start = cache.keys(s, 0, 0, 0);
  std::size_t next = 0;
  for (std::int64_t layer = 0; layer < 2; ++layer) {
    const std::size_t block = kShape.key_bytes(layer);
    const auto& [kv_heads, head_dim] = kShape.layers[static_cast<std::size_t>(layer)];
    for (std::int64_t head = 0; head < kv_heads; ++head) {
      EXPECT_EQ(cache.keys(s, 0, layer, head), start + next);
      EXPECT_EQ(cache.values(s, 0, layer, head), start + next + block);
      next += 2 * block;
    }
  }
  EXPECT_EQ(next, kShape.page_bytes());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(start) % 64, 0U);
}

TEST(KvCache, AForkSharesPagesUntilOneOfTheTwoWrites) {
  KvCache cache(kShape, 1000);
  const SequenceId a = cache.add();
  append(cache, a, 100, 1000);
  const SequenceId b = cache.fork(a, 80);
  EXPECT_EQ(cache.length(b), 80);
  EXPECT_EQ(cache.stored(), 100);
  EXPECT_EQ(cache.keys(a, 1, 0, 0), cache.keys(b, 1, 0, 0));

  append(cache, b, 30, 2000);
  EXPECT_EQ(cache.keys(a, 0, 0, 0), cache.keys(b, 0, 0, 0));
  EXPECT_NE(cache.keys(a, 1, 0, 0), cache.keys(b, 1, 0, 0));
  append(cache, a, 50, 1000);
  expect_tags(cache, a, 0, 150, 1000);
  expect_tags(cache, b, 0, 80, 1000);
  expect_tags(cache, b, 80, 110, 2000);
  EXPECT_EQ(cache.stored(), 150 + 110 - 64);

  cache.drop(a);
  expect_tags(cache, b, 0, 80, 1000);
  expect_tags(cache, b, 80, 110, 2000);
  EXPECT_EQ(cache.stored(), 110);
  cache.drop(b);
  EXPECT_EQ(cache.stored(), 0);
}

TEST(KvCache, TheLastOwnerOfASharedPageWritesInPlace) {
  KvCache cache(kShape, 1000);
  const SequenceId a = cache.add();
  append(cache, a, 10, 1000);
  const SequenceId b = cache.fork(a, 10);
  std::byte* const page = cache.keys(a, 0, 0, 0);
  cache.drop(a);
  append(cache, b, 1, 1000);
  EXPECT_EQ(cache.keys(b, 0, 0, 0), page);
}

TEST(KvCache, TheBudgetCountsStoredPositions) {
  KvCache cache(kShape, 130);
  const SequenceId a = cache.add();
  grow(cache, a, 100);
  std::string message;
  EXPECT_EQ(error_of([&] { grow(cache, a, 31); }, &message), ErrorCode::kLimit);
  EXPECT_NE(message.find("130"), std::string::npos) << message;
  EXPECT_NE(message.find("31"), std::string::npos) << message;
  EXPECT_EQ(cache.length(a), 100);
  grow(cache, a, 30);
  EXPECT_EQ(error_of([&] { grow(cache, a, 1); }), ErrorCode::kLimit);
  cache.truncate(a, 60);
  EXPECT_EQ(cache.stored(), 60);
  const SequenceId b = cache.add();
  grow(cache, b, 70);
  EXPECT_EQ(error_of([&] { grow(cache, b, 1); }), ErrorCode::kLimit);
}

// Two sequences that share their only page fit a budget of exactly their lengths.
TEST(KvCache, OfTwoWritersToASharedPageOnlyOneNeedsACopy) {
  KvCache cache(kShape, 22);
  const SequenceId a = cache.add();
  append(cache, a, 10, 1000);
  const SequenceId b = cache.fork(a, 10);
  const std::vector<KvCache::Growth> both = {{a, 1}, {b, 1}};
  cache.reserve(both, 1);
  cache.extend(a, 1);
  cache.extend(b, 1);
  EXPECT_EQ(cache.stored(), 22);
  expect_tags(cache, a, 0, 10, 1000);
  expect_tags(cache, b, 0, 10, 1000);
}

TEST(KvCache, TruncatingASharedPageKeepsWhatTheOtherNeeds) {
  KvCache cache(kShape, 1000);
  const SequenceId a = cache.add();
  append(cache, a, 100, 1000);
  const SequenceId b = cache.fork(a, 90);
  cache.truncate(a, 20);
  EXPECT_EQ(cache.stored(), 90);
  append(cache, a, 5, 3000);
  expect_tags(cache, b, 0, 90, 1000);
  expect_tags(cache, a, 0, 20, 1000);
  expect_tags(cache, a, 20, 25, 3000);
  cache.drop(b);
  EXPECT_EQ(cache.stored(), 25);
}

TEST(KvCache, AWindowGivesPagesBack) {
  KvShape shape = kShape;
  shape.window = 100;
  KvCache cache(shape, 1000);
  const SequenceId a = cache.add();
  for (int i = 0; i < 500; ++i) {
    append(cache, a, 10, 1000);  // 5000 positions pass through a budget of 1000
    cache.slide(a);
    ASSERT_LE(cache.stored(), 100 + 256 + 64 + 10);
    const std::int64_t oldest = std::max<std::int64_t>(0, cache.length(a) - 100);
    ASSERT_LE(cache.first_stored(a), oldest);
    expect_tags(cache, a, oldest, cache.length(a), 1000);
  }
  cache.truncate(a, 4900);
  expect_tags(cache, a, 4801, 4900, 1000);
  EXPECT_EQ(error_of([&] { cache.truncate(a, 4000); }), ErrorCode::kLimit);
  EXPECT_EQ(error_of([&] { cache.fork(a, 4000); }), ErrorCode::kLimit);
  EXPECT_FALSE(cache.can_fork(a, 4000));
  EXPECT_FALSE(cache.can_fork(a, 4901));
  EXPECT_TRUE(cache.can_fork(a, 4890));
  EXPECT_TRUE(cache.can_fork(a, 0));
  EXPECT_EQ(cache.length(a), 4900);
  const SequenceId b = cache.fork(a, 4890);
  append(cache, b, 20, 2000);
  cache.drop(a);
  expect_tags(cache, b, 4800, 4890, 1000);
  cache.truncate(b, 0);
  EXPECT_EQ(cache.stored(), 0);
  append(cache, b, 200, 4000);
  expect_tags(cache, b, 0, 200, 4000);
}

std::vector<std::byte> exported(const KvCache& cache, SequenceId s, std::int64_t first,
                                std::int64_t count) {
  std::vector<std::byte> out(static_cast<std::size_t>(count) * cache.shape().page_bytes(),
                             std::byte{0x55});
  cache.export_pages(s, first, count, out);
  return out;
}

TEST(KvCache, PagesCanBeBoundedToo) {
  KvCache cache(kShape, 1000, 3);
  const SequenceId a = cache.add();
  const SequenceId b = cache.add();
  grow(cache, a, 65);
  grow(cache, b, 1);
  EXPECT_EQ(cache.usage().pages_used, 3);
  EXPECT_EQ(cache.usage().max_pages, 3);
  std::string message;
  EXPECT_EQ(error_of([&] { grow(cache, b, 64); }, &message), ErrorCode::kLimit);
  EXPECT_NE(message.find("holds 3"), std::string::npos) << message;
  grow(cache, b, 63);
  cache.truncate(a, 64);
  grow(cache, b, 64);
  EXPECT_EQ(cache.usage().pages_allocated, 3);
  const SequenceId c = cache.fork(b, 100);
  EXPECT_EQ(cache.usage().pages_used, 3);
  EXPECT_EQ(cache.pages(b).count, 2);
  EXPECT_EQ(cache.pages(b).alone, 0);
  EXPECT_EQ(cache.pages(a).alone, 1);
  EXPECT_EQ(error_of([&] { grow(cache, c, 1); }), ErrorCode::kLimit);  // wants a copy
}

TEST(KvCache, PagesGoOutAndInAgain) {
  for (const KvType type :
       {KvType::kF32, KvType::kF16, KvType::kInt8, KvType::kK8V4, KvType::kInt4}) {
    KvShape shape = kShape;
    shape.type = type;
    KvCache cache(shape, 1000);
    std::mt19937 random(9);
    const auto scribble = [&](SequenceId s, std::int64_t page) {
      std::byte* p = cache.keys(s, page, 0, 0);
      for (std::size_t i = 0; i < shape.page_bytes(); ++i) p[i] = static_cast<std::byte>(random());
    };
    const SequenceId a = cache.add();
    grow(cache, a, 150);
    for (const std::int64_t page : {0, 1, 2}) scribble(a, page);
    const auto all = exported(cache, a, 0, 3);
    EXPECT_EQ(std::memcmp(all.data(), cache.keys(a, 0, 0, 0), shape.page_bytes()), 0);
    // 22 positions of the last page are there, and not a byte of what is behind them.
    const std::size_t per_position = shape.page_bytes() / 64;
    const auto last = std::span(all).subspan(2 * shape.page_bytes());
    const auto zeros = std::count(last.begin(), last.end(), std::byte{0});
    EXPECT_GE(static_cast<std::size_t>(zeros), per_position * 42);
    EXPECT_LT(static_cast<std::size_t>(zeros), per_position * 43);

    const SequenceId b = cache.fork(a, 64);
    cache.append_pages(b, 86, std::span(all).subspan(shape.page_bytes()));
    EXPECT_EQ(cache.length(b), 150);
    EXPECT_EQ(exported(cache, b, 0, 3), all);
    EXPECT_EQ(cache.stored(), 150 + 86);
    EXPECT_EQ(error_of([&] { cache.append_pages(b, 1, std::span(all).first(shape.page_bytes())); }),
              ErrorCode::kInvalid);  // its last page is not full
    // What is appended belongs to b alone.
    scribble(b, 2);
    EXPECT_EQ(exported(cache, a, 0, 3), all);
  }
}

TEST(KvCache, PagesThatDoNotFitAreRefused) {
  KvCache cache(kShape, 200);
  const SequenceId a = cache.add();
  const std::vector<std::byte> bytes(kShape.page_bytes() * 4);
  const auto append = [&](std::int64_t tokens, std::size_t size) {
    const ErrorCode code =
        error_of([&] { cache.append_pages(a, tokens, std::span(bytes).first(size)); });
    EXPECT_EQ(cache.length(a), code == ErrorCode::kFailed ? tokens : 0);
    return code;
  };
  const std::size_t page = kShape.page_bytes();
  EXPECT_EQ(append(64, page - 1), ErrorCode::kInvalid);
  EXPECT_EQ(append(65, page), ErrorCode::kInvalid);
  EXPECT_EQ(append(64, 2 * page), ErrorCode::kInvalid);
  EXPECT_EQ(append(0, 0), ErrorCode::kInvalid);
  EXPECT_EQ(append(-5, page), ErrorCode::kInvalid);
  EXPECT_EQ(append(201, 4 * page), ErrorCode::kLimit);
  EXPECT_EQ(append(130, 3 * page), ErrorCode::kFailed);
  std::vector<std::byte> out(4 * page);
  EXPECT_EQ(error_of([&] { cache.export_pages(a, 0, 4, out); }), ErrorCode::kInvalid);
  EXPECT_EQ(error_of([&] { cache.export_pages(a, -1, 2, out); }), ErrorCode::kInvalid);
  EXPECT_EQ(error_of([&] { cache.export_pages(a, 0, 3, out); }), ErrorCode::kInvalid);
}

TEST(KvCache, AWindowedSequenceIsRestoredFromItsLastPages) {
  KvShape shape = kShape;
  shape.window = 100;
  KvCache cache(shape, 3000);
  const SequenceId a = cache.add();
  for (int i = 0; i < 100; ++i) {
    append(cache, a, 10, 1000);
    cache.slide(a);
  }
  const auto held = cache.pages(a);
  EXPECT_EQ(held.first, 10);
  EXPECT_EQ(held.count, 6);
  const auto bytes = exported(cache, a, held.first, held.count);
  EXPECT_EQ(error_of([&] { exported(cache, a, 9, 1); }), ErrorCode::kInvalid);
  const SequenceId b = cache.add();
  EXPECT_EQ(
      error_of([&] { cache.append_pages(b, 1000, std::span(bytes).subspan(shape.page_bytes())); }),
      ErrorCode::kInvalid);
  cache.append_pages(b, 1000, bytes);
  EXPECT_EQ(cache.length(b), 1000);
  EXPECT_EQ(cache.first_stored(b), 640);
  for (int i = 0; i < 20; ++i) {
    append(cache, b, 10, 1000);
    cache.slide(b);
  }
  expect_tags(cache, b, 1100, 1200, 1000);
}

TEST(KvCache, UnknownSequencesAndLengthsAreRefused) {
  KvCache cache(kShape, 100);
  EXPECT_EQ(error_of([&] { cache.length(0); }), ErrorCode::kInvalid);
  const SequenceId a = cache.add();
  grow(cache, a, 10);
  EXPECT_EQ(error_of([&] { cache.length(-1); }), ErrorCode::kInvalid);
  EXPECT_EQ(error_of([&] { cache.length(a + 1); }), ErrorCode::kInvalid);
  EXPECT_EQ(error_of([&] { cache.fork(a, 11); }), ErrorCode::kInvalid);
  EXPECT_EQ(error_of([&] { cache.truncate(a, -1); }), ErrorCode::kInvalid);
  cache.drop(a);
  EXPECT_EQ(error_of([&] { cache.drop(a); }), ErrorCode::kInvalid);
}

// Random operations on a cache, beside which each sequence is a plain list of the numbers that it
// holds.
class KvCacheAndLists : public ::testing::Test {
 protected:
  std::int64_t draw(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint32_t>(n));
  }

  // Any of the sequences.
  SequenceId pick() {
    auto it = lists_.begin();
    std::advance(it, draw(std::ssize(lists_)));
    return it->first;
  }
  std::int64_t length(SequenceId id) const { return std::ssize(lists_.at(id)); }

  void add(KvCache& cache) { lists_[cache.add()] = {}; }
  void fork(KvCache& cache, SequenceId id, std::int64_t keep) {
    std::vector<float> copy(lists_[id].begin(), lists_[id].begin() + keep);
    ASSERT_TRUE(lists_.emplace(cache.fork(id, keep), std::move(copy)).second);
  }
  void truncate(KvCache& cache, SequenceId id, std::int64_t keep) {
    cache.truncate(id, keep);
    lists_[id].resize(static_cast<std::size_t>(keep));
  }
  void drop(KvCache& cache, SequenceId id) {
    cache.drop(id);
    lists_.erase(id);
  }
  // What grow() has made room for.
  void fill(KvCache& cache, SequenceId id, std::int64_t count) {
    std::vector<float>& list = lists_[id];
    const std::int64_t from = std::ssize(list);
    for (std::int64_t p = from; p < from + count; ++p) {
      *key_at(cache, id, p) = ++tag_;
      *value_at(cache, id, p) = -tag_;
      list.push_back(tag_);
    }
  }
  // All keys, and the values of the last `near` positions.
  void expect_lists(const KvCache& cache, std::int64_t near) {
    for (const auto& [id, list] : lists_) {
      const std::int64_t end = std::ssize(list);
      ASSERT_EQ(cache.length(id), end);
      for (std::int64_t p = 0; p < end; ++p) {
        const float want = list[static_cast<std::size_t>(p)];
        ASSERT_EQ(*key_at(cache, id, p), want);
        if (p < end - near) continue;
        ASSERT_EQ(*value_at(cache, id, p), -want);
      }
    }
  }
  void drop_all(KvCache& cache) {
    while (!lists_.empty()) drop(cache, lists_.begin()->first);
    EXPECT_EQ(cache.stored(), 0);
  }

  std::mt19937 random_{5};
  std::map<SequenceId, std::vector<float>> lists_;
  float tag_ = 0;
};

// Values of layer 0, which has a window, and keys of layer 1, which has none, among forks.
TEST_F(KvCacheAndLists, NearPartsOutliveOnlyTheirWindow) {
  KvShape shape = kShape;
  shape.near_window = 100;
  shape.near = {true, false};
  KvCache cache(shape, 30000);
  for (int step = 0; step < 3000; ++step) {
    const std::int64_t what = draw(12);
    if (lists_.empty() || (what == 0 && lists_.size() < 6)) {
      add(cache);
      continue;
    }
    const SequenceId id = pick();
    const std::int64_t keep = std::max<std::int64_t>(0, length(id) - draw(400));
    if (what == 1 && lists_.size() < 6) {
      if (cache.can_fork(id, keep)) fork(cache, id, keep);
    } else if (what == 2) {
      if (cache.can_fork(id, keep)) truncate(cache, id, keep);
    } else if (what == 3 && draw(4) == 0) {
      drop(cache, id);
    } else if (length(id) < 4000) {
      const std::int64_t count = 1 + draw(150);
      grow(cache, id, count);
      fill(cache, id, count);
      cache.slide(id);
    }
    if (step % 10 != 0) continue;
    expect_lists(cache, 99);
    for (const auto& [sequence, list] : lists_) {
      ASSERT_LE(cache.first_stored(sequence), std::max<std::int64_t>(0, std::ssize(list) - 99));
    }
  }
  const std::uint64_t near = shape.near_bytes(), far = shape.page_bytes() - near;
  const KvUsage usage = cache.usage();
  const auto parts =
      (usage.bytes_allocated - static_cast<std::uint64_t>(usage.pages_allocated) * far) / near;
  EXPECT_LE(parts, 6U * (100 + 256 + 400 + 150) / 64 + 6 * 4);
  drop_all(cache);
}

TEST_F(KvCacheAndLists, RandomOperationsKeepEverySequenceWhole) {
  KvCache cache(kShape, 2000);
  for (int step = 0; step < 3000; ++step) {
    const std::int64_t what = draw(10);
    if (lists_.empty() || (what == 0 && lists_.size() < 8)) {
      add(cache);
      continue;
    }
    const SequenceId id = pick();
    if (what == 1 && lists_.size() < 8) {
      fork(cache, id, draw(length(id) + 1));
    } else if (what == 2) {
      truncate(cache, id, draw(length(id) + 1));
    } else if (what == 3) {
      drop(cache, id);
    } else {
      const std::int64_t count = 1 + draw(80);
      std::int64_t total = count;
      for (const auto& [other, list] : lists_) total += std::ssize(list);
      const ErrorCode code = error_of([&] { grow(cache, id, count); });
      if (code == ErrorCode::kFailed) {
        fill(cache, id, count);
      } else {
        ASSERT_EQ(code, ErrorCode::kLimit);
        ASSERT_GT(total, 2000);  // what fits without sharing is never refused
      }
    }
    if (step % 10 != 0) continue;
    expect_lists(cache, 2000);
    ASSERT_LE(cache.stored(), 2000);
  }
  drop_all(cache);
}

}  // namespace
}  // namespace lathe
