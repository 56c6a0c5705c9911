#include "model/weights.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

#include "model/loaded_model.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

ErrorCode load_error(const MemoryCheckpoint& checkpoint, std::string& message) {
  return error_of([&] { Model::load(checkpoint); }, &message);
}

Weights load(const Checkpoint& checkpoint) {
  ThreadPool pool(1);
  return load_weights(checkpoint, nullptr, pool);
}

TEST(Weights, EveryTensorIsFoundAndCounted) {
  const ModelConfig c = small_config();
  const auto checkpoint = random_checkpoint(c).make();
  const Weights w = load(*checkpoint);
  ASSERT_EQ(w.layers.size(), 2U);
  EXPECT_EQ(w.layers[1].mlp.down->rows(), c.hidden_size);
  EXPECT_EQ(w.layers[1].mlp.down->cols(), c.layer(1).mlp.width);
  EXPECT_TRUE(w.layers[0].q_norm.empty());
  EXPECT_EQ(&w.output(), w.head.get());
  std::uint64_t elements = 0;
  for (const TensorInfo& t : checkpoint->tensors()) elements += t.bytes / sizeof(float);
  EXPECT_EQ(w.parameters, elements);
  EXPECT_EQ(w.bytes, elements * sizeof(float));
}

TEST(Weights, ATiedModelUsesItsEmbeddingTwice) {
  ModelConfig c = small_config();
  c.tie_word_embeddings = true;
  const auto checkpoint = random_checkpoint(c).make();
  const Weights w = load(*checkpoint);
  EXPECT_EQ(&w.output(), w.embedding.get());
}

TEST(Model, AVocabularyAloneDoesNotRun) {
  MemoryCheckpoint checkpoint = random_checkpoint(small_config());
  checkpoint.set_has_model(false);
  std::string message;
  EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kUnsupported);
}

// What a matrix of scales may not hold, a vector may not either.
TEST(Weights, VectorsThatAreNoNumbersAreRefusedByName) {
  ModelConfig c = small_config();
  each_layer(c, [](LayerConfig& layer) { layer.attention.qkv_bias = true; });
  for (const char* name : {"model.norm.weight", "model.layers.1.input_layernorm.weight",
                           "model.layers.0.self_attn.k_proj.bias"}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      MemoryCheckpoint checkpoint = random_checkpoint(c);
      const std::vector<TensorInfo>& infos = checkpoint.tensors();
      const auto info = std::find_if(infos.begin(), infos.end(),
                                     [name](const TensorInfo& t) { return t.name == name; });
      ASSERT_NE(info, infos.end());
      std::vector<float> values(static_cast<std::size_t>(info->cols()), 1.0f);
      values[3] = bad;
      checkpoint.replace(static_cast<std::size_t>(info - infos.begin()), DType::kF32,
                         std::as_bytes(std::span(values)));
      std::string message;
      EXPECT_EQ(error_of([&] { load(checkpoint); }, &message), ErrorCode::kInvalid);
      EXPECT_NE(message.find(name), std::string::npos) << message;
      EXPECT_NE(message.find("element 3"), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace lathe
