#include "eval/matrix_changes.h"

#include <cmath>
#include <gtest/gtest.h>

#include "lathe/model_config.h"
#include "lathe/quantize.h"

#include "eval/log_softmax.h"
#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

const std::vector<std::vector<TokenId>> kTexts = {
    {1, 40, 77, 301, 12, 99, 250, 33, 8, 120, 333, 45, 17, 203, 60, 5},
    {1, 21, 390, 64, 150, 72, 18, 281, 9, 30, 111, 222, 333, 44, 55, 66}};

std::vector<float> logits_of(const std::shared_ptr<const Checkpoint>& model) {
  LayerRunner runner(model, 32, 1, {});
  const ModelConfig& config = model->config();
  std::vector<float> hidden(32 * static_cast<std::size_t>(config.hidden_size)), normed = hidden;
  runner.embed(kTexts, hidden.data());
  for (std::int64_t layer = 0; layer < config.num_layers(); ++layer) {
    runner.run(kTexts, layer, hidden.data(), normed.data());
  }
  std::vector<float> logits(32 * static_cast<std::size_t>(config.vocab_size));
  runner.head(normed.data(), 32, logits.data());
  return logits;
}

// ½ Var_p of the difference, over the later three quarters of both texts.
double half_variance(const std::vector<float>& base, const std::vector<float>& other,
                     std::size_t vocab) {
  double sum = 0.0;
  for (const std::size_t begin : {std::size_t{4}, std::size_t{20}}) {
    for (std::size_t row = begin; row < begin + 12; ++row) {
      const auto x = std::span(base).subspan(row * vocab, vocab);
      const auto y = std::span(other).subspan(row * vocab, vocab);
      const double lse = libm_log_sum_exp(x);
      double mean = 0.0, square = 0.0;
      for (std::size_t i = 0; i < vocab; ++i) {
        const double p = std::exp(x[i] - lse), d = static_cast<double>(y[i]) - x[i];
        mean += p * d;
        square += p * d * d;
      }
      sum += 0.5 * (square - mean * mean) / 24.0;
    }
  }
  return sum;
}

TEST(MatrixChanges, AreThoseOfAModelThatDiffersInOneMatrix) {
  const auto model = Checkpoint::open(testdata("examples/village"));
  MatrixChanges changes(model, kTexts, 1);
  const std::vector<float> base = logits_of(model);
  test::TempFolder folder;
  for (std::size_t t = 0; t < model->tensors().size(); ++t) {
    const TensorInfo& info = model->tensors()[t];
    if (info.shape.size() != 2) continue;
    QuantizeOptions options;
    options.scheme = "keep";
    options.rules = {{"^" + info.name + "$", "w4g32"}};
    options.overwrite = true;
    quantize(*model, folder.file("one.lathe"), options);
    const auto other = Checkpoint::open(folder.file("one.lathe"));
    std::size_t index = 0;
    while (other->tensors()[index].name != info.name) ++index;
    const double expected =
        half_variance(base, logits_of(other), static_cast<std::size_t>(model->config().vocab_size));
    EXPECT_GT(expected, 1e-7) << info.name;
    EXPECT_NEAR(changes.divergence(*other, std::span(&index, 1)) / expected, 1.0, 0.01)
        << info.name;
    // And after it the model is its own again.
    EXPECT_LT(changes.divergence(*model, std::span(&t, 1)), 1e-9) << info.name;
  }
}

TEST(MatrixChanges, ShowWhatRoundingInputsLoses) {
  const auto model = Checkpoint::open(testdata("examples/village"));
  const MatrixChanges changes(model, kTexts, 1);
  for (const TensorRole role : {TensorRole::kQuery, TensorRole::kDown, TensorRole::kEmbedding}) {
    const std::int64_t layer = role == TensorRole::kEmbedding ? -1 : 1;
    const double narrow = changes.input_noise(role, layer, 32);
    EXPECT_GT(narrow, 1e-6);
    EXPECT_LT(narrow, 1e-4);
    EXPECT_LE(narrow, changes.input_noise(role, layer, 128));
  }
}

}  // namespace
}  // namespace lathe
