#include "model/layer_runner.h"

#include <gtest/gtest.h>
#include <span>
#include <vector>

#include "support/random_checkpoint.h"

namespace lathe {
namespace {

// Layer after layer is what a session computes at once, and its observer is shown the same.
TEST(LayerRunner, GivesTheHiddenStatesOfASession) {
  const std::vector<TokenId> tokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  const std::span<const std::vector<TokenId>> texts(&tokens, 1);
  const std::shared_ptr<const Checkpoint> checkpoint = random_checkpoint(small_config());
  const auto record = [](std::vector<float>& seen) {
    return [&seen](const ActivationRows& rows) {
      if (rows.point == ActivationPoint::kHead) return;
      seen.insert(seen.end(), rows.x, rows.x + rows.rows * rows.cols);
    };
  };
  std::vector<float> expected_inputs, inputs;
  SessionOptions options;
  options.threads = 1;
  options.observer = record(expected_inputs);
  const auto session = Session::create(Model::load(checkpoint), options);
  LayerRunner runner(checkpoint, 16, 1, record(inputs));
  std::vector<float> hidden(tokens.size() * 24);
  runner.embed(texts, hidden.data());
  for (const std::int64_t layers : {0, 1}) {
    const SequenceInput input = {session->add(), tokens, true};
    const auto expected = session->hidden_states({&input, 1}, layers);
    EXPECT_EQ(hidden, std::vector<float>(expected.begin(), expected.end())) << layers;
    runner.run(texts, layers, hidden.data());
  }
  expected_inputs.resize(expected_inputs.size() / 2);  // it ran twice
  EXPECT_EQ(inputs, expected_inputs);
}

// Several texts at once are each for itself, and a matrix of another model counts until put back.
TEST(LayerRunner, ExchangesMatricesAndPutsThemBack) {
  const std::vector<std::vector<TokenId>> texts = {{3, 1, 4, 1, 5, 9, 2}, {6, 5, 3, 5}};
  const std::shared_ptr<const Checkpoint> own = random_checkpoint(small_config(), 1);
  const std::shared_ptr<const Checkpoint> other = random_checkpoint(small_config(), 2);
  LayerRunner runner(own, 16, 1, {}), alone(other, 16, 1, {});
  const auto layer_of = [](LayerRunner& by, LayerRunner::Texts of) {
    std::vector<float> hidden(24 * (of.size() == 1 ? of.front().size() : 11));
    by.embed(of, hidden.data());
    by.run(of, 0, hidden.data());
    return hidden;
  };
  const std::vector<float> before = layer_of(runner, texts);
  const std::vector<float> second = layer_of(runner, std::span(texts).subspan(1));
  for (std::size_t i = 0; i < second.size(); ++i) {
    EXPECT_NEAR(second[i], before[7 * 24 + i], 1e-5) << i;
  }
  const std::vector<float> theirs = layer_of(alone, texts);
  EXPECT_NE(before, theirs);
  for (std::size_t t = 0; t < other->tensors().size(); ++t) {
    const TensorInfo& info = other->tensors()[t];
    const bool layer = info.id.layer == 0 || info.id.role == TensorRole::kEmbedding;
    if (layer && info.shape.size() == 2) runner.exchange(*other, t);
  }
  EXPECT_NE(layer_of(runner, texts), before);
  runner.put_back();
  EXPECT_EQ(layer_of(runner, texts), before);
}

}  // namespace
}  // namespace lathe
