#include "model/layer_runner.h"

#include <gtest/gtest.h>
#include <vector>

#include "support/random_checkpoint.h"

namespace lathe {
namespace {

// Layer after layer is what a session computes at once, and its observer is shown the same.
TEST(LayerRunner, GivesTheHiddenStatesOfASession) {
  const std::vector<TokenId> tokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
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
  runner.embed(tokens, hidden.data());
  for (const std::int64_t layers : {0, 1}) {
    const SequenceInput input = {session->add(), tokens, true};
    const auto expected = session->hidden_states({&input, 1}, layers);
    EXPECT_EQ(hidden, std::vector<float>(expected.begin(), expected.end())) << layers;
    runner.run(tokens, layers, hidden.data());
  }
  expected_inputs.resize(expected_inputs.size() / 2);  // it ran twice
  EXPECT_EQ(inputs, expected_inputs);
}

}  // namespace
}  // namespace lathe
