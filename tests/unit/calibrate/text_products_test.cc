#include "calibrate/text_products.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/importance.h"
#include "lathe/model_config.h"

#include "checkpoint/model_tensors.h"
#include "support/paths.h"

namespace lathe {
namespace {

const Chunks kTexts = {{1, 40, 77, 301, 12, 99, 250, 33, 8, 120, 333, 45},
                       {1, 21, 390, 64, 150, 72, 18, 281, 9, 30, 111, 222}};

class TextProductsTest : public testing::Test {
 protected:
  std::vector<TensorId> matrices() const {
    std::vector<TensorId> out;
    for (const TensorInfo& info : model_->tensors()) {
      if (info.shape.size() == 2) out.push_back(info.id);
    }
    return out;
  }
  TextProducts made(std::size_t room) const {
    return {model_, kTexts, 2, [](const ActivationRows&) {}, {}, room};
  }
  std::size_t bytes_of_a_layer(TextProducts& products) const {
    std::size_t bytes = 0;
    for (const TensorRole role :
         {TensorRole::kQuery, TensorRole::kAttentionOutput, TensorRole::kUp, TensorRole::kDown}) {
      bytes += sizeof(float) * products.of({role, 0})->size();
    }
    return bytes;
  }

  std::shared_ptr<const Checkpoint> model_ =
      calibration_model(Checkpoint::open(testdata("examples/village")), 1);
};

// Whether they were kept, in part or not at all, and in whatever order they are asked for.
TEST_F(TextProductsTest, AreTheSameWhateverThereIsRoomFor) {
  TextProducts all = made(TextProducts::kRoom);
  TextProducts some = made(bytes_of_a_layer(all));
  TextProducts none = made(0);
  ASSERT_GT(model_->config().num_layers(), 1);
  std::vector<TensorId> ids = matrices();
  ids.insert(ids.end(), ids.rbegin(), ids.rend());
  for (const TensorId& id : ids) {
    const auto want = all.of(id);
    ASSERT_NE(want, nullptr);
    EXPECT_EQ(*want, *some.of(id)) << tensor_name(id);
    EXPECT_EQ(*want, *none.of(id)) << tensor_name(id);
  }
}

// One run gives what a run of the whole model does.
TEST_F(TextProductsTest, ComeWithTheImportanceOfEachInput) {
  std::vector<TokenId> tokens;
  for (const auto& text : kTexts) tokens.insert(tokens.end(), text.begin(), text.end());
  CalibrationOptions how;
  how.context = static_cast<std::int64_t>(kTexts[0].size());
  how.threads = 2;
  const TextStatistics found = measure_text(model_, tokens, std::nullopt, how);
  const ImportanceMatrix want = measure_importance(Model::load(model_), tokens, std::nullopt, how);
  EXPECT_EQ(found.importance.tokens, want.tokens);
  EXPECT_EQ(found.importance.columns, want.columns);
  for (const TensorId& id : matrices()) {
    const std::vector<float>& power = want.columns.at(tensor_name(id));
    const auto products = found.products->of(id);
    for (std::size_t k = 0; k < power.size(); ++k) {
      EXPECT_NEAR((*products)[k * power.size() + k], power[k], 1e-4F * power[k]) << k;
    }
  }
}

}  // namespace
}  // namespace lathe
