#include "lathe/session.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "model/session_pages.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

std::vector<TokenId> some_tokens(std::size_t count, std::uint32_t seed = 3) {
  std::mt19937 random(seed);
  std::vector<TokenId> out(count);
  for (TokenId& id : out) id = static_cast<TokenId>(random() % 50);
  return out;
}

std::vector<float> copy(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

std::vector<float> row(const std::vector<float>& logits, std::size_t index) {
  return {logits.begin() + static_cast<std::ptrdiff_t>(index * 50),
          logits.begin() + static_cast<std::ptrdiff_t>(index * 50 + 50)};
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<float>::infinity();
  float most = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

class SessionTest : public testing::Test {
 protected:
  std::unique_ptr<Session> session(const SessionOptions& options) {
    return Session::create(model_, options);
  }
  std::vector<float> all_logits(Session& session, SequenceId sequence,
                                std::span<const TokenId> tokens) {
    const SequenceInput input = {sequence, tokens, true};
    return copy(session.forward({&input, 1}));
  }

  std::shared_ptr<const Model> model_ = Model::load(random_checkpoint(small_config()));
  SessionOptions exact_ = {.threads = 1, .kv_type = KvType::kF32, .max_tokens = 0, .chunk = 512};
};

TEST_F(SessionTest, OneRowPerInputUnlessAllAreWanted) {
  const auto s = session(exact_);
  const auto tokens = some_tokens(20);
  const SequenceId a = s->add();
  const SequenceId b = s->add();
  const std::vector<SequenceInput> inputs = {{a, std::span(tokens).first(7), true},
                                             {b, std::span(tokens).first(5), false}};
  const auto both = copy(s->forward(inputs));
  ASSERT_EQ(both.size(), 8U * 50);
  EXPECT_EQ(s->length(a), 7);
  EXPECT_EQ(s->length(b), 5);
  // b's tokens begin like a's, so its last row is a's fifth.
  EXPECT_LT(largest_difference(row(both, 7), row(both, 4)), 1e-5F);
}

TEST_F(SessionTest, ThreadsDoNotChangeBits) {
  const auto tokens = some_tokens(150);
  std::vector<float> want;
  for (const int threads : {1, 2, 3, 8}) {
    SessionOptions options = exact_;
    options.threads = threads;
    const auto s = session(options);
    EXPECT_EQ(s->threads(), threads);
    const auto got = all_logits(*s, s->add(), tokens);
    if (want.empty()) want = got;
    EXPECT_EQ(got, want) << threads;
  }
}

TEST_F(SessionTest, ChunksForksAndTruncationsGiveTheSameLogits) {
  const auto tokens = some_tokens(200);
  const auto whole_session = session(exact_);
  const auto want = all_logits(*whole_session, whole_session->add(), tokens);
  for (const std::int64_t chunk : {1, 3, 64, 199}) {
    SessionOptions options = exact_;
    options.chunk = chunk;
    const auto s = session(options);
    const SequenceId a = s->add();
    EXPECT_LT(largest_difference(all_logits(*s, a, tokens), want), 2e-5F) << chunk;

    const SequenceId b = s->fork(a, 70);
    s->truncate(a, 130);
    const std::vector<SequenceInput> inputs = {{a, std::span(tokens).subspan(130), true},
                                               {b, std::span(tokens).subspan(70), true}};
    const auto both = copy(s->forward(inputs));
    ASSERT_EQ(both.size(), 200U * 50);
    const std::vector<float> from_a(both.begin(), both.begin() + 70 * 50);
    const std::vector<float> from_b(both.begin() + 70 * 50, both.end());
    EXPECT_LT(largest_difference(from_a, {want.begin() + 130 * 50, want.end()}), 2e-5F);
    EXPECT_LT(largest_difference(from_b, {want.begin() + 70 * 50, want.end()}), 2e-5F);
  }
}

TEST_F(SessionTest, OnlyTheLastRowsLogitsAreTheSameAsAllOfThem) {
  const auto tokens = some_tokens(90);
  const auto s = session(exact_);
  const auto all = all_logits(*s, s->add(), tokens);
  const SequenceInput input = {s->add(), tokens, false};
  EXPECT_LT(largest_difference(copy(s->forward({&input, 1})), row(all, 89)), 2e-5F);
}

TEST_F(SessionTest, KeysAndValuesInFewerBitsStayClose) {
  const auto tokens = some_tokens(150);
  const auto exact = session(exact_);
  const auto want = all_logits(*exact, exact->add(), tokens);
  const auto difference = [&](KvType type) {
    SessionOptions options = exact_;
    options.kv_type = type;
    const auto s = session(options);
    return largest_difference(all_logits(*s, s->add(), tokens), want);
  };
  EXPECT_LT(difference(KvType::kF16), 1e-2F);
  EXPECT_GT(difference(KvType::kF16), 0.0F);
  EXPECT_LT(difference(KvType::kInt8), 1e-1F);  // queries and weights are bytes there, too
  EXPECT_GT(difference(KvType::kInt8), difference(KvType::kF16));
  EXPECT_LT(difference(KvType::kInt4), 1.0F);
  EXPECT_GT(difference(KvType::kInt4), difference(KvType::kInt8));
}

TEST_F(SessionTest, RefusalsChangeNothing) {
  SessionOptions options = exact_;
  options.max_tokens = 100;
  const auto s = session(options);
  EXPECT_EQ(s->context(), 100);
  const auto tokens = some_tokens(90);
  const SequenceId a = s->add();
  const SequenceId b = s->add();
  SequenceInput first = {a, std::span(tokens).first(60), false};
  s->forward({&first, 1});

  std::string message;
  const auto refused = [&](std::vector<SequenceInput> inputs) {
    const ErrorCode code = error_of([&] { s->forward(inputs); }, &message);
    EXPECT_EQ(s->length(a), 60);
    EXPECT_EQ(s->length(b), 0);
    return code;
  };
  const std::vector<TokenId> bad = {1, 50};
  const std::vector<TokenId> negative = {1, -1};
  EXPECT_EQ(refused({{b, tokens, false}}), ErrorCode::kLimit);
  EXPECT_NE(message.find("100"), std::string::npos) << message;
  EXPECT_EQ(refused({{b, std::span(tokens).first(2), false}, {a, bad, false}}),
            ErrorCode::kInvalid);
  EXPECT_NE(message.find("50"), std::string::npos) << message;
  EXPECT_EQ(refused({{a, negative, false}}), ErrorCode::kInvalid);
  EXPECT_EQ(refused({{a, {}, false}}), ErrorCode::kInvalid);
  EXPECT_EQ(
      refused({{b, std::span(tokens).first(2), false}, {b, std::span(tokens).first(2), false}}),
      ErrorCode::kInvalid);
  EXPECT_EQ(refused({{7, std::span(tokens).first(2), false}}), ErrorCode::kInvalid);
  EXPECT_EQ(s->forward({}).size(), 0U);

  // What was refused did no harm: the sequence goes on as one that was never disturbed.
  const auto other = session(exact_);
  const auto want = all_logits(*other, other->add(), tokens);
  SequenceInput rest = {a, std::span(tokens).subspan(60), false};
  EXPECT_LT(largest_difference(copy(s->forward({&rest, 1})), row(want, 89)), 2e-5F);
}

TEST_F(SessionTest, TheContextIsALimitOfItsOwn) {
  SessionOptions options = exact_;
  options.max_tokens = 5000;
  const auto s = session(options);
  EXPECT_EQ(s->context(), 400);
  const auto tokens = some_tokens(401);
  const SequenceId a = s->add();
  const SequenceInput input = {a, tokens, false};
  std::string message;
  EXPECT_EQ(error_of([&] { s->forward({&input, 1}); }, &message), ErrorCode::kLimit);
  EXPECT_NE(message.find("401"), std::string::npos) << message;
  EXPECT_NE(message.find("400"), std::string::npos) << message;
}

TEST_F(SessionTest, OptionsOutOfRangeAreRefused) {
  EXPECT_EQ(error_of([&] { session({.threads = -1}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { session({.max_tokens = -1}); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { session({.chunk = 0}); }), ErrorCode::kUsage);
}

// What another session computed goes on as if it had been computed here.
TEST_F(SessionTest, PagesOfAnotherSessionGiveTheSameBits) {
  const auto tokens = some_tokens(180);
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8, KvType::kInt4}) {
    SessionOptions options = exact_;
    options.kv_type = type;
    const auto from = session(options);
    const auto to = session(options);
    const SessionPages pages(*from);
    SessionPages others(*to);
    const KvLayout layout = pages.layout();
    EXPECT_EQ(layout.page_tokens, 64);
    EXPECT_EQ(layout.fingerprint, others.layout().fingerprint);
    EXPECT_EQ(layout.fingerprint, kv_layout(*model_, type).fingerprint);
    const SequenceId a = from->add();
    const auto head = std::span(tokens).first(150);
    all_logits(*from, a, head);
    const auto want = all_logits(*from, a, std::span(tokens).subspan(150));

    EXPECT_EQ(pages.of(a).count, 3);
    from->truncate(a, 150);
    std::vector<std::byte> bytes(3 * layout.page_bytes);
    pages.copy(a, 0, 3, bytes);
    const SequenceId whole = to->add();
    others.append(whole, 150, bytes);
    EXPECT_EQ(to->length(whole), 150);
    EXPECT_EQ(all_logits(*to, whole, std::span(tokens).subspan(150)), want);

    const SequenceId part = to->add();
    others.append(part, 128, std::span(bytes).first(2 * layout.page_bytes));
    auto rest = all_logits(*to, part, std::span(tokens).subspan(128));
    rest.erase(rest.begin(), rest.begin() + 22 * 50);
    EXPECT_LT(largest_difference(rest, want), 2e-5F);
    EXPECT_EQ(to->kv_usage().pages_used, 6);
    EXPECT_EQ(to->kv_usage().tokens_stored, 360);
    // Past the model's context.
    const SequenceId c = to->add();
    std::vector<std::byte> many(7 * layout.page_bytes);
    EXPECT_EQ(error_of([&] { others.append(c, 401, many); }), ErrorCode::kLimit);
  }
}

TEST_F(SessionTest, ABudgetOfPages) {
  SessionOptions options = exact_;
  options.max_pages = 3;
  const auto s = session(options);
  EXPECT_EQ(s->context(), 192);
  EXPECT_EQ(s->kv_usage().max_tokens, 192);
  options.max_pages = 1000;
  EXPECT_EQ(session(options)->context(), 400);
  EXPECT_EQ(session(exact_)->kv_usage().max_tokens, 400);
  EXPECT_NE(kv_layout(*model_, KvType::kF32).fingerprint,
            kv_layout(*model_, KvType::kF16).fingerprint);
}

// Windows in five of six layers, as Gemma 3 has them: a long text keeps all that one layer needs,
// and of the others a window's worth.
TEST(SessionWindow, LayersThatSeeLessKeepLess) {
  ModelConfig c = small_config();
  c.max_position = 20000;
  c.layers.resize(6, c.layers[0]);
  for (std::size_t i = 0; i + 1 < c.layers.size(); ++i) c.layers[i].attention.window = 20;
  const auto model = Model::load(random_checkpoint(c));
  const auto tokens = some_tokens(10000);
  SessionOptions options = {.threads = 1, .kv_type = KvType::kF32, .chunk = 100};
  const auto s = Session::create(model, options);
  const SequenceId id = s->add();
  const auto read = [&](std::int64_t from, std::int64_t to) {
    const SequenceInput input = {id,
                                 std::span(tokens).subspan(static_cast<std::size_t>(from),
                                                           static_cast<std::size_t>(to - from))};
    return copy(s->forward({&input, 1}));
  };
  read(0, 1000);
  const KvUsage early = s->kv_usage();
  const auto got = read(1000, 10000);
  const KvUsage late = s->kv_usage();
  const KvLayout layout = kv_layout(*model, KvType::kF32);
  EXPECT_EQ(layout.near_bytes, layout.page_bytes / 6 * 5);
  const auto pages = static_cast<std::uint64_t>(late.pages_allocated - early.pages_allocated);
  EXPECT_GE(pages, 9000U / 64);
  // The rest of the growth would be the windows'.
  EXPECT_LE(late.bytes_allocated - early.bytes_allocated,
            pages * (layout.page_bytes - layout.near_bytes) + layout.near_bytes);
  EXPECT_LE(late.bytes_allocated, layout.bytes(10000, 100));
  EXPECT_LT(layout.bytes(10000, 100), 10000U / 64 * layout.page_bytes / 4);

  // The same bits as where everything is kept.
  options.whole_windows = true;
  const auto whole = Session::create(model, options);
  const SequenceInput input = {whole->add(), tokens};
  EXPECT_EQ(copy(whole->forward({&input, 1})), got);
  EXPECT_EQ(whole->kv_usage().bytes_allocated, 157U * layout.page_bytes);
  EXPECT_TRUE(whole->can_fork(input.sequence, 500));

  // What has left the windows can't be gone back to, what has not can.
  EXPECT_FALSE(s->can_fork(id, 500));
  EXPECT_EQ(error_of([&] { s->truncate(id, 500); }), ErrorCode::kLimit);
  EXPECT_TRUE(s->can_fork(id, 9900));
  const SequenceId fork = s->fork(id, 9900);
  s->drop(id);
  const SequenceInput again = {fork, std::span(tokens).subspan(9900)};
  EXPECT_EQ(copy(s->forward({&again, 1})), got);

  // Its pages go on elsewhere.
  const SessionPages from(*s);
  const SequencePages held = from.of(fork);
  ASSERT_EQ(held.count, 157);
  std::vector<std::byte> bytes(157 * layout.page_bytes);
  from.copy(fork, 0, 157, bytes);
  options.whole_windows = false;
  const auto there = Session::create(model, options);
  const SequenceId moved = there->add();
  SessionPages(*there).append(moved, 9984, std::span(bytes).first(156 * layout.page_bytes));
  EXPECT_LE(there->kv_usage().bytes_allocated, layout.bytes(10000, 100));
  EXPECT_FALSE(there->can_fork(moved, 500));
  const SequenceInput last = {moved, std::span(tokens).subspan(9984)};
  EXPECT_LT(largest_difference(copy(there->forward({&last, 1})), got), 2e-5F);
}

// A window that only some layers have: the pages of others must stay.
TEST(SessionWindow, SomeLayersOnly) {
  ModelConfig c = small_config();
  c.max_position = 2000;
  c.layers[1].attention.window = 20;
  const auto mixed = Model::load(random_checkpoint(c));
  const auto tokens = some_tokens(700);
  const SessionOptions options = {.threads = 1, .kv_type = KvType::kF32, .chunk = 50};
  const auto s = Session::create(mixed, options);
  const SequenceInput input = {s->add(), tokens, true};
  const auto got = copy(s->forward({&input, 1}));
  SessionOptions at_once = options;
  at_once.chunk = 700;
  const auto other = Session::create(mixed, at_once);
  EXPECT_EQ(kv_layout(*mixed, KvType::kF32).stored(2000), 2000);
  const SequenceInput same = {other->add(), tokens, true};
  EXPECT_LT(largest_difference(got, copy(other->forward({&same, 1}))), 2e-5F);
}

// Layers with other heads, windows and rotations than their neighbours: whole, in pieces, and
// from a fork.
TEST(SessionLayers, MayDifferInTheirHeads) {
  ModelConfig c = small_config();
  c.max_position = 2000;
  LayerConfig wide = c.layers[0];
  wide.attention.kv_heads = 1;
  wide.attention.head_dim = wide.attention.rotary_dims = 10;
  wide.attention.window = 300;
  wide.attention.rope.theta = 500.0;
  wide.mlp.width = 56;
  c.layers = {c.layers[0], wide, c.layers[0], wide};
  const auto model = Model::load(random_checkpoint(c));
  const auto tokens = some_tokens(700);
  const SessionOptions whole = {.threads = 1, .kv_type = KvType::kF32, .chunk = 700};
  SessionOptions pieces = whole;
  pieces.chunk = 50;
  const auto s = Session::create(model, whole);
  const SequenceInput input = {s->add(), tokens, true};
  const auto want = copy(s->forward({&input, 1}));
  const auto other = Session::create(model, pieces);
  const SequenceId begun = other->add();
  const SequenceInput first = {begun, std::span(tokens).first(600), false};
  other->forward({&first, 1});
  const SequenceInput rest = {other->fork(begun, 550), std::span(tokens).subspan(550), true};
  const auto got = copy(other->forward({&rest, 1}));
  ASSERT_EQ(got.size(), 150U * 50U);
  const std::vector<float> tail(want.end() - static_cast<std::ptrdiff_t>(got.size()), want.end());
  EXPECT_LT(largest_difference(got, tail), 2e-5F);
  // Pages hold 2·2·6 and 2·1·10 floats of a position, twice.
  EXPECT_EQ(kv_layout(*model, KvType::kF32).page_bytes, 64U * 4 * (24 + 20) * 2);
}

// With a window in every layer a long text passes through a small budget.
TEST(SessionWindow, PagesAreReused) {
  ModelConfig c = small_config();
  c.max_position = 5000;
  each_layer(c, [](LayerConfig& layer) { layer.attention.window = 20; });
  const auto model = Model::load(random_checkpoint(c));
  const auto tokens = some_tokens(3000);
  SessionOptions options = {.threads = 1, .kv_type = KvType::kF32, .max_tokens = 600, .chunk = 50};
  const auto s = Session::create(model, options);
  const SequenceInput input = {s->add(), tokens, false};
  const auto got = copy(s->forward({&input, 1}));
  const KvLayout layout = kv_layout(*model, KvType::kF32);
  EXPECT_GE(layout.stored(3000, 50), s->kv_usage().tokens_stored);
  EXPECT_LE(layout.stored(3000, 50), 600);
  EXPECT_EQ(layout.stored(30), 30);
  options.max_tokens = 5000;
  options.chunk = 3000;
  const auto other = Session::create(model, options);
  const SequenceInput same = {other->add(), tokens, false};
  EXPECT_LT(largest_difference(got, copy(other->forward({&same, 1}))), 2e-5F);
}

}  // namespace
}  // namespace lathe
