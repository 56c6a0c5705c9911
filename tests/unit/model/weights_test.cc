#include "model/weights.h"

#include <gtest/gtest.h>

#include "fake_checkpoint.h"
#include "model/loaded_model.h"

namespace lathe {
namespace {

ErrorCode load_error(const std::shared_ptr<FakeCheckpoint>& checkpoint, std::string& message) {
  return error_of([&] { Model::load(checkpoint); }, &message);
}

TEST(Weights, EveryTensorIsFoundAndCounted) {
  const ModelConfig c = small_config();
  const auto checkpoint = random_checkpoint(c);
  const Weights w = load_weights(*checkpoint);
  ASSERT_EQ(w.layers.size(), 2U);
  EXPECT_EQ(w.layers[1].down->rows(), c.hidden_size);
  EXPECT_EQ(w.layers[1].down->cols(), c.intermediate_size);
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
  const auto checkpoint = random_checkpoint(c);
  const Weights w = load_weights(*checkpoint);
  EXPECT_EQ(&w.output(), w.embedding.get());
  // Some files hold the matrix a second time.
  checkpoint->put("lm_head.weight", {c.vocab_size, c.hidden_size},
                  std::vector<float>(static_cast<std::size_t>(c.vocab_size * c.hidden_size)));
  EXPECT_NO_THROW(load_weights(*checkpoint));
}

TEST(Weights, EachMissingTensorIsNamed) {
  ModelConfig c = small_config();
  c.qk_norm = true;
  c.qkv_bias = true;
  c.attention_output_bias = true;
  c.mlp_bias = true;
  const auto whole = random_checkpoint(c);
  for (const TensorInfo& info : whole->tensors()) {
    const auto checkpoint = std::make_shared<FakeCheckpoint>(*whole);
    checkpoint->remove(info.name);
    std::string message;
    EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kInvalid) << info.name;
    EXPECT_NE(message.find(info.name), std::string::npos) << message;
    EXPECT_NE(message.find("missing"), std::string::npos) << message;
  }
}

TEST(Weights, EachWrongShapeIsNamedWithBothShapes) {
  const auto whole = random_checkpoint(small_config());
  for (const TensorInfo& info : whole->tensors()) {
    const auto checkpoint = std::make_shared<FakeCheckpoint>(*whole);
    std::vector<std::int64_t> shape = info.shape;
    ++shape[0];
    std::size_t elements = 1;
    for (const std::int64_t n : shape) elements *= static_cast<std::size_t>(n);
    checkpoint->put(info.name, shape, std::vector<float>(elements));
    std::string message;
    EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kInvalid) << info.name;
    EXPECT_NE(message.find(info.name), std::string::npos) << message;
    EXPECT_NE(message.find("shape"), std::string::npos) << message;
  }
}

TEST(Weights, ATensorThatTheModelDoesNotKnowIsRefused) {
  const auto checkpoint = random_checkpoint(small_config());
  checkpoint->put("model.layers.0.self_attn.rotary_emb.inv_freq", {3}, {1, 2, 3});
  EXPECT_NO_THROW(Model::load(checkpoint));
  checkpoint->put("model.layers.0.self_attn.q_proj.bias", {24}, std::vector<float>(24));
  std::string message;
  EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kUnsupported);
  EXPECT_NE(message.find("q_proj.bias"), std::string::npos) << message;
}

TEST(Weights, IntegersAreNoWeights) {
  const auto checkpoint = random_checkpoint(small_config());
  checkpoint->set_dtype("model.norm.weight", DType::kI32);
  std::string message;
  EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kUnsupported);
  EXPECT_NE(message.find("I32"), std::string::npos) << message;
}

TEST(Model, AVocabularyAloneDoesNotRun) {
  const auto checkpoint = random_checkpoint(small_config());
  checkpoint->set_has_model(false);
  std::string message;
  EXPECT_EQ(load_error(checkpoint, message), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace lathe
