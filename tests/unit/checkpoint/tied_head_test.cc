// Embedding and output as a folder holds them, whatever its configuration says.
#include <algorithm>
#include <gtest/gtest.h>

#include "lathe/checkpoint_parts.h"

#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

const std::string kEmbedding = "model.embed_tokens.weight";
const std::string kHead = "lm_head.weight";

class TiedHead : public testing::Test {
 protected:
  // A folder that says `tied` and holds what `change` makes of an untied model's weights.
  template <typename Change>
  std::shared_ptr<const Checkpoint> open(bool tied, Change change) {
    ModelConfig config = test::small_config("llama");
    weights_ = test::write_folder(temp_ / "m", config, DType::kBF16);
    config.tie_word_embeddings = tied;
    test::write_text(temp_ / "m/config.json",
                     config_to_json(config, DType::kBF16, ConfigUse::kHuggingFace));
    change(weights_);
    std::vector<TensorSpec> specs;
    config.tie_word_embeddings = false;
    for (const TensorSlot& slot : tensor_slots(config)) {
      if (weights_.contains(slot.name())) specs.push_back({slot.name(), DType::kBF16, slot.shape});
    }
    OutputFile file(temp_ / "m/model.safetensors", true);
    SafetensorsWriter writer(file, specs, {});
    for (const TensorSpec& spec : specs) writer.append(weights_[spec.name]);
    writer.finish();
    file.commit();
    return Checkpoint::open(temp_ / "m");
  }

  test::TempFolder temp_;
  test::Weights weights_;
};

TEST_F(TiedHead, TwoThatDifferAreTwoWhateverTheFlagSays) {
  for (const bool tied : {true, false}) {
    const auto checkpoint = open(tied, [](test::Weights&) {});
    EXPECT_FALSE(checkpoint->config().tie_word_embeddings);
    EXPECT_EQ(test::read_weights(*checkpoint), weights_);
    EXPECT_FALSE(checkpoint->metadata().contains(kIgnoredTensors));
  }
}

TEST_F(TiedHead, OfTwoThatAreEqualOneIsLeftOutWhereTheFlagSaysSo) {
  const auto equal = [](test::Weights& weights) { weights[kHead] = weights[kEmbedding]; };
  const auto checkpoint = open(true, equal);
  EXPECT_TRUE(checkpoint->config().tie_word_embeddings);
  EXPECT_FALSE(checkpoint->find(kHead).has_value());
  EXPECT_EQ(checkpoint->metadata().at(kIgnoredTensors), kHead);
  EXPECT_FALSE(open(false, equal)->config().tie_word_embeddings);
}

TEST_F(TiedHead, TheOutputAloneIsTheEmbeddingToo) {
  const auto checkpoint = open(true, [](test::Weights& weights) { weights.erase(kEmbedding); });
  EXPECT_TRUE(checkpoint->config().tie_word_embeddings);
  EXPECT_EQ(test::read_weights(*checkpoint).at(kEmbedding), weights_.at(kHead));
}

TEST_F(TiedHead, WithoutTheFlagNothingStandsForWhatIsMissing) {
  for (const std::string& name : {kEmbedding, kHead}) {
    const Error error =
        test::error_of([&] { open(false, [&](test::Weights& weights) { weights.erase(name); }); });
    EXPECT_EQ(error.code(), ErrorCode::kInvalid);
    EXPECT_NE(error.message().find(name), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace lathe
