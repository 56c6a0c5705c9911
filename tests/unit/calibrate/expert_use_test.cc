// What a text needs of a model's experts, and what is lost with those that it does not need.
#include "lathe/expert_use.h"

#include <gtest/gtest.h>

#include "lathe/experts.h"
#include "lathe/model.h"
#include "lathe/session.h"

#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

std::vector<TokenId> tokens(std::size_t count) {
  std::mt19937 random(8);
  std::vector<TokenId> out(count);
  for (TokenId& id : out) id = static_cast<TokenId>(random() % 50);
  return out;
}

// Six experts, of which the router's biases let nobody choose 1 and 4.
std::shared_ptr<const Checkpoint> with_two_that_nobody_chooses(ExpertsConfig experts) {
  ModelConfig config = small_config();
  each_layer(config, [&](LayerConfig& layer) { layer.experts = experts; });
  MemoryCheckpoint out(config);
  std::mt19937 generator(3);
  for (const TensorSlot& slot : tensor_slots(config)) {
    std::int64_t n = 1;
    for (const std::int64_t size : slot.shape) n *= size;
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& x : values) x = static_cast<float>(generator() >> 8) * 0x1p-24F - 0.5F;
    if (slot.shape.size() == 1 && !slot.id.bias) {
      for (float& x : values) x += 1.0F;
    }
    // Not so much that nothing else counts.
    if (slot.id.role == TensorRole::kSelectionBias) {
      for (float& x : values) x *= 0.01F;
    }
    const bool bias = slot.id.role == TensorRole::kRouter && slot.id.bias;
    if (bias || slot.id.role == TensorRole::kSelectionBias) values[1] = values[4] = -1e9F;
    out.add_floats(slot.name(), slot.shape, values);
  }
  return out;
}

const ExpertsConfig kKinds[] = {
    {.count = 6, .used = 2, .router_bias = true},
    {.count = 6, .used = 3, .normalized = false, .router_bias = true},
    {.count = 6, .used = 2, .selection_bias = true},
};

std::vector<float> logits(std::shared_ptr<const Checkpoint> checkpoint,
                          std::span<const TokenId> text) {
  const auto session =
      Session::create(Model::load(std::move(checkpoint)), {.threads = 2, .kv_type = KvType::kF32});
  const SequenceInput input = {session->add(), text, true};
  const auto out = session->forward({&input, 1});
  return {out.begin(), out.end()};
}

TEST(ExpertUse, ThoseThatNobodyChoosesCanGoAndNothingChanges) {
  for (const ExpertsConfig& kind : kKinds) {
    const auto base = with_two_that_nobody_chooses(kind);
    const auto text = tokens(40);
    const ExpertUse use = measure_expert_use(Model::load(base), text, {}, {.threads = 2});
    EXPECT_EQ(use.tokens, 40);
    for (const std::vector<double>& layer : use.weight) {
      double sum = 0.0;
      for (std::size_t expert = 0; expert < layer.size(); ++expert) {
        EXPECT_EQ(layer[expert] == 0.0, expert == 1 || expert == 4) << expert;
        sum += layer[expert];
      }
      if (kind.normalized) {
        EXPECT_NEAR(sum, 40.0, 1e-4);
      } else {
        EXPECT_LT(sum, 39.0);
      }
    }
    const ExpertSets kept = most_used_experts(use, 4);
    EXPECT_EQ(kept, ExpertSets(2, {0, 2, 3, 5}));
    EXPECT_EQ(lost_weight(use, kept).share, 0.0);
    const std::vector<float> before = logits(base, text);
    const std::vector<float> after = logits(keep_experts(base, kept), text);
    // Where they had a part in the softmax, and nothing else, it is the same but for rounding.
    for (std::size_t i = 0; kind.selection_bias && i < before.size(); ++i) {
      ASSERT_NEAR(after[i], before[i], 1e-5) << i;
    }
    if (!kind.selection_bias) {
      EXPECT_EQ(after, before);
    }
  }
}

TEST(ExpertUse, IsThatOfAllChunksTogether) {
  const auto model = Model::load(with_two_that_nobody_chooses(kKinds[0]));
  const auto text = tokens(60);
  const auto measure = [&](std::size_t first, std::size_t count, std::int64_t context) {
    return measure_expert_use(model, std::span(text).subspan(first, count), {},
                              {.context = context, .threads = 1});
  };
  const ExpertUse whole = measure(0, 60, 30);
  const ExpertUse a = measure(0, 30, 30);
  const ExpertUse b = measure(30, 30, 30);
  EXPECT_EQ(whole.tokens, 60);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t e = 0; e < 6; ++e) {
      EXPECT_NEAR(whole.weight[layer][e], a.weight[layer][e] + b.weight[layer][e], 1e-9);
    }
  }
}

TEST(ExpertUse, LossIsTheShareOfAllWeightAndOfTheWorstLayer) {
  const ExpertUse use = {{{5.0, 1.0, 4.0}, {}, {2.0, 2.0, 6.0}}, 10};
  const ExpertSets kept = most_used_experts(use, 2);
  EXPECT_EQ(kept, (ExpertSets{{0, 2}, {}, {0, 2}}));  // of equals the lower number
  const ExpertLoss loss = lost_weight(use, kept);
  EXPECT_DOUBLE_EQ(loss.share, 0.15);
  EXPECT_DOUBLE_EQ(loss.worst, 0.2);
  EXPECT_EQ(loss.worst_layer, 2);
  EXPECT_EQ(error_of([&] { most_used_experts(use, 4); }).code(), ErrorCode::kUsage);
}

}  // namespace
}  // namespace lathe
