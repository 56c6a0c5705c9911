#include "checkpoint/model_tensors.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_reader.h"
#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

// With every tensor that there is.
ModelConfig full_config() {
  ModelConfig c = test::small_config("llama");
  test::each_layer(c, [](LayerConfig& layer) {
    layer.norms = NormPlace::kAround;
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
  match_tensors(parts, tensor_slots(config), found, &TensorSlot::hugging_face);
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
  EXPECT_EQ(seen.size(), 3U + 2U * 20U);
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

// A family that is unlike the table in all that a row can say.
constexpr TensorNames kNames[] = {
    {TensorRole::kMlpNorm, "pre_feedforward_layernorm", ""},
    {TensorRole::kFinalNorm, "model.embedding_norm", "token_embd_norm"},
};
constexpr Family kOther = {.names = kNames,
                           .fused_qkv = {.hugging_face = "self_attn.qkv_proj", .gguf = "attn_qkv"},
                           .fused_gate_up = {.hugging_face = "mlp.gate_up_proj"},
                           .hf_interleaved = true};

TEST(ModelTensors, AFamilyMayCallThemOtherwise) {
  std::map<std::string, TensorSlot> slots;
  for (const TensorSlot& slot : tensor_slots(full_config(), &kOther)) slots[slot.name()] = slot;
  const TensorSlot& norm = slots.at("model.layers.1.post_attention_layernorm.weight");
  EXPECT_EQ(norm.hugging_face.name, "model.layers.1.pre_feedforward_layernorm.weight");
  EXPECT_EQ(norm.gguf.name, "blk.1.ffn_norm.weight");
  EXPECT_EQ(slots.at("model.norm.weight").hugging_face.name, "model.embedding_norm.weight");
  EXPECT_EQ(slots.at("model.norm.weight").gguf.name, "token_embd_norm.weight");
  const TensorSlot& k = slots.at("model.layers.0.self_attn.k_proj.bias");
  EXPECT_EQ(k.hugging_face.name, "model.layers.0.self_attn.qkv_proj.bias");
  EXPECT_TRUE(k.hugging_face.interleaved);
  EXPECT_FALSE(k.gguf.interleaved);
  EXPECT_EQ(k.hugging_face.first_row, 24);
  EXPECT_EQ(k.hugging_face.whole, std::vector<std::int64_t>{48});
  EXPECT_EQ(slots.at("model.layers.0.self_attn.v_proj.weight").gguf.first_row, 36);
  EXPECT_FALSE(slots.at("model.layers.0.mlp.up_proj.weight").gguf.fused());
  EXPECT_EQ(slots.at("model.layers.0.mlp.up_proj.weight").hugging_face.first_row, 44);
  EXPECT_EQ(slots.at("model.layers.0.mlp.down_proj.weight").hugging_face.name,
            "model.layers.0.mlp.down_proj.weight");
}

// A file that holds the slots where Hugging Face's place says; each row is its number.
void write_numbered(const std::vector<TensorSlot>& slots, const std::string& path) {
  std::vector<TensorSpec> specs;
  for (const TensorSlot& slot : slots) {
    const TensorPlace& at = slot.hugging_face;
    if (at.first_row > 0) continue;
    specs.push_back({at.name, DType::kF32, at.fused() ? at.whole : slot.shape});
  }
  OutputFile file(path, true);
  SafetensorsWriter writer(file, specs, {});
  for (const TensorSpec& spec : specs) {
    const std::int64_t cols = spec.shape.size() == 1 ? 1 : spec.shape[1];
    std::vector<float> values;
    for (std::int64_t i = 0; i < spec.shape[0] * cols; ++i) {
      values.push_back(static_cast<float>(i / cols));
    }
    writer.append(std::as_bytes(std::span(values)));
  }
  writer.finish();
  file.commit();
}

TEST(ModelTensors, WhatAFileHoldsAsOneMatrixIsTakenApart) {
  const test::TempFolder temp;
  CheckpointParts parts;
  parts.facts.config = full_config();
  const auto slots = tensor_slots(parts.facts.config, &kOther);
  write_numbered(slots, temp / "m");
  parts.file = SafetensorsReader::open(temp / "m");
  auto found = list_tensors(*parts.file);
  match_tensors(parts, slots, found, &TensorSlot::hugging_face);
  ASSERT_EQ(parts.stored.size(), slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const TensorInfo& info = parts.facts.tensors[i];
    const std::span<const std::byte> bytes = parts.stored[i].bytes;
    ASSERT_EQ(info.bytes, bytes.size());
    ASSERT_EQ(bytes.size(), static_cast<std::size_t>(info.rows() * info.cols()) * sizeof(float));
    float first = 0.0F;
    float last = 0.0F;
    std::memcpy(&first, bytes.data(), sizeof first);
    std::memcpy(&last, bytes.data() + bytes.size() - sizeof last, sizeof last);
    const auto expected = static_cast<float>(slots[i].hugging_face.first_row);
    EXPECT_EQ(first, expected) << info.name;
    EXPECT_EQ(last, expected + static_cast<float>(info.shape[0] - 1)) << info.name;
  }
  for (FoundTensor& tensor : found) {
    if (tensor.name.ends_with("qkv_proj.weight")) ++tensor.shape[0];
  }
  const Error e =
      test::error_of([&] { match_tensors(parts, slots, found, &TensorSlot::hugging_face); });
  EXPECT_EQ(e.code(), ErrorCode::kInvalid);
  EXPECT_NE(e.message().find("[49, 24]"), std::string::npos) << e.message();
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
