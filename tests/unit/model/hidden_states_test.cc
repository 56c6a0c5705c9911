#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "lathe/activations.h"
#include "lathe/session.h"

#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

constexpr std::int64_t kHidden = 24, kVocab = 50;  // of small_config()

class HiddenStates : public testing::Test {
 protected:
  static std::unique_ptr<Session> session(const SessionOptions& more = {}) {
    SessionOptions options = more;
    options.threads = 1;
    options.kv_type = KvType::kF32;
    return Session::create(Model::load(random_checkpoint(small_config())), options);
  }
  std::vector<float> states(Session& s, std::int64_t layer, bool all = true) const {
    const SequenceInput input = {s.add(), tokens_, all};
    const auto rows = s.hidden_states({&input, 1}, layer);
    return {rows.begin(), rows.end()};
  }
  std::vector<float> tensor(const std::string& name) const {
    const std::size_t i = *checkpoint_->find(name);
    const TensorInfo& info = checkpoint_->tensors()[i];
    std::vector<float> out(info.bytes / sizeof(float));
    checkpoint_->read_rows_f32(i, 0, info.rows(), out);
    return out;
  }
  static void expect_near(std::span<const float> a, std::span<const float> b, float tolerance) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
  }

  const std::vector<TokenId> tokens_ = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  const std::shared_ptr<const Checkpoint> checkpoint_ = random_checkpoint(small_config());
};

TEST_F(HiddenStates, BeforeTheFirstLayerAreTheEmbeddings) {
  const auto table = tensor("model.embed_tokens.weight");
  const auto s = session();
  const auto got = states(*s, 0);
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const auto row = std::span(table).subspan(static_cast<std::size_t>(tokens_[i] * kHidden), 24);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), got.begin() + static_cast<long>(i * 24))) << i;
  }
}

TEST_F(HiddenStates, BehindTheLastLayerTimesTheHeadAreTheLogits) {
  const auto head = tensor("lm_head.weight");
  const auto s = session();
  const auto got = states(*s, -1);
  EXPECT_EQ(got, states(*s, 2));
  std::vector<float> products(tokens_.size() * kVocab);
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    for (std::size_t v = 0; v < kVocab; ++v) {
      for (std::size_t i = 0; i < kHidden; ++i) {
        products[t * kVocab + v] += head[v * kHidden + i] * got[t * kHidden + i];
      }
    }
  }
  const SequenceInput input = {s->add(), tokens_, true};
  expect_near(s->forward({&input, 1}), products, 1e-5F);
}

// What the observer sees of the second layer is the same, normed.
TEST_F(HiddenStates, BetweenLayersAreWhatTheNextOneNorms) {
  std::vector<float> seen;
  const auto s = session({.observer = [&](const ActivationRows& rows) {
    if (rows.point != ActivationPoint::kAttentionInput || rows.layer != 1) return;
    seen.assign(rows.x, rows.x + rows.rows * rows.cols);
  }});
  auto got = states(*s, 1);
  const auto weight = tensor("model.layers.1.input_layernorm.weight");
  for (std::size_t t = 0; t < tokens_.size(); ++t) {
    float* row = got.data() + t * kHidden;
    float squares = 0.0F;
    for (std::size_t i = 0; i < kHidden; ++i) squares += row[i] * row[i];
    const float scale = 1.0F / std::sqrt(squares / kHidden + 1e-5F);
    for (std::size_t i = 0; i < kHidden; ++i) row[i] *= scale * weight[i];
  }
  expect_near(seen, got, 1e-5F);
}

TEST_F(HiddenStates, OfTheLastTokenAloneAndInPiecesAreTheSame) {
  const auto whole = session();
  const auto pieces = session({.chunk = 3});
  for (const std::int64_t layer : {0, 1, 2}) {
    const auto all = states(*whole, layer);
    expect_near(states(*pieces, layer), all, 1e-5F);
    expect_near(states(*whole, layer, false), std::span(all).last(kHidden), 1e-5F);
    expect_near(states(*pieces, layer, false), std::span(all).last(kHidden), 1e-5F);
  }
}

TEST_F(HiddenStates, TheSequenceGoesOnAsAfterAForwardPass) {
  const auto s = session();
  const std::vector<TokenId> next = {7, 8};
  std::vector<std::vector<float>> logits;
  for (const bool hidden : {false, true}) {
    const SequenceId sequence = s->add();
    const SequenceInput first = {sequence, tokens_};
    if (hidden) {
      s->hidden_states({&first, 1}, 1);
    } else {
      s->forward({&first, 1});
    }
    const SequenceInput second = {sequence, next, true};
    const auto rows = s->forward({&second, 1});
    logits.emplace_back(rows.begin(), rows.end());
  }
  EXPECT_EQ(logits[0], logits[1]);
}

TEST_F(HiddenStates, OfALayerThatIsNotThereAreRefused) {
  const auto s = session();
  EXPECT_EQ(error_of([&] { states(*s, 3); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([&] { states(*s, -2); }), ErrorCode::kUsage);
}

}  // namespace
}  // namespace lathe
