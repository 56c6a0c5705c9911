#include "checkpoint/model_tensors.h"

#include <gtest/gtest.h>
#include <set>

#include "checkpoint/stored_checkpoint.h"
#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

// With every tensor that there is.
ModelConfig full_config() {
  ModelConfig c = test::small_config("llama");
  test::each_layer(c, [](LayerConfig& layer) {
    layer.attention.qk_norm = QkNorm::kPerHead;
    layer.attention.qkv_bias = layer.attention.output_bias = layer.mlp.bias = true;
  });
  return c;
}

// A file that lists a config's tensors, and holds no byte of them.
class EmptyFile final : public TensorFile {
 public:
  explicit EmptyFile(const ModelConfig& config) : TensorFile("m") {
    std::vector<TensorEntry> entries;
    for (const TensorSlot& slot : tensor_slots(config)) {
      entries.push_back({{slot.hugging_face.name, DType::kF32, slot.shape}});
    }
    test::write_text(temp_ / "file", "");
    add_file(MappedFile::open(temp_ / "file"), std::move(entries));
    index_tensors();
  }

 private:
  test::TempFolder temp_;
};

std::vector<FoundTensor> all_found(const ModelConfig& config) {
  return list_tensors(EmptyFile(config));
}

CheckpointParts matched(const ModelConfig& config, const std::vector<FoundTensor>& found) {
  CheckpointParts parts;
  parts.facts.config = config;
  parts.file = std::make_shared<EmptyFile>(config);
  match_tensors(parts, found, &TensorSlot::hugging_face);
  return parts;
}

Error refusal(const ModelConfig& config, const std::vector<FoundTensor>& found) {
  return test::error_of([&] { matched(config, found); });
}

TEST(ModelTensors, EachNameSaysWhichTensorItIs) {
  std::set<TensorId> seen;
  for (const TensorSlot& slot : tensor_slots(full_config())) {
    EXPECT_TRUE(seen.insert(slot.id).second) << slot.name();
    EXPECT_EQ(tensor_by_name(slot.name()), slot.id) << slot.name();
    EXPECT_EQ(tensor_by_gguf_name(slot.gguf.name), slot.id) << slot.gguf.name;
    EXPECT_EQ(tensor_name(slot.id), slot.name());
    EXPECT_EQ(is_matrix(slot.id.role), slot.id.bias || slot.shape.size() == 2) << slot.name();
  }
  EXPECT_EQ(seen.size(), 3U + 2U * 18U);
}

TEST(ModelTensors, OtherNamesAreNone) {
  for (const char* name :
       {"", ".weight", "lm_head", "layers.0.mlp.up_proj.weight", "model.layers.0.lm_head.weight",
        "model.layers.-1.mlp.up_proj.weight", "model.layers.x.mlp.up_proj.weight",
        "model.layers.99999999999999999999.mlp.up_proj.weight", "model.layers.0mlp.up_proj.weight",
        "mlp.up_proj.weight", "model.layers.0.mlp.up_proj.qweight", "blk.0.attn_q.weight"}) {
    EXPECT_FALSE(tensor_by_name(name)) << name;
  }
  EXPECT_FALSE(tensor_by_gguf_name("model.norm.weight"));
  EXPECT_FALSE(tensor_by_gguf_name("blk.0.attn_q.weight.in_sum2"));
}

TEST(ModelTensors, EachMissingTensorIsNamed) {
  const ModelConfig config = full_config();
  const auto whole = all_found(config);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto found = whole;
    found.erase(found.begin() + static_cast<std::ptrdiff_t>(i));
    const Error e = refusal(config, found);
    EXPECT_EQ(e.code(), ErrorCode::kInvalid);
    EXPECT_NE(e.message().find("lacks \"" + whole[i].name + "\""), std::string::npos)
        << e.message();
  }
}

TEST(ModelTensors, EachWrongShapeIsNamedWithBothShapes) {
  const ModelConfig config = full_config();
  const auto whole = all_found(config);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto found = whole;
    ++found[i].shape[0];
    const Error e = refusal(config, found);
    EXPECT_EQ(e.code(), ErrorCode::kInvalid);
    for (const std::string& part :
         {whole[i].name, shape_text(whole[i].shape), shape_text(found[i].shape)}) {
      EXPECT_NE(e.message().find(part), std::string::npos) << e.message();
    }
  }
}

TEST(ModelTensors, NoNormIsMadeOfBlocksOrIntegers) {
  const ModelConfig config = full_config();
  const auto whole = all_found(config);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto found = whole;
    found[i].dtype = found[i].shape.size() == 1 ? DType::kQ8_0 : DType::kI32;
    EXPECT_EQ(refusal(config, found).code(), ErrorCode::kUnsupported) << whole[i].name;
  }
}

TEST(ModelTensors, ATensorWithoutAPlaceIsRefused) {
  const ModelConfig config = test::small_config("llama");
  auto found = all_found(config);
  found.push_back({{"model.layers.0.self_attn.q_proj.bias", DType::kF32, {24}}, found.size()});
  const Error e = refusal(config, found);
  EXPECT_EQ(e.code(), ErrorCode::kInvalid);
  EXPECT_NE(e.message().find("q_proj.bias"), std::string::npos) << e.message();
}

TEST(ModelTensors, ATiedModelsOutputMatrixIsLeftOut) {
  ModelConfig config = test::small_config("llama");
  auto found = all_found(config);
  config.tie_word_embeddings = true;
  const CheckpointParts parts = matched(config, found);
  EXPECT_EQ(parts.facts.metadata.at("ignored tensors"), "lm_head.weight");
  EXPECT_EQ(parts.stored.size() + 1, found.size());
}

}  // namespace
}  // namespace lathe
