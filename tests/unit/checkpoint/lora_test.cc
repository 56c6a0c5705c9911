// Adapters: what PEFT computed with them (testdata/golden/lora), sums in double, refusals.
#include "lathe/lora.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lathe/convert.h"

#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

using nlohmann::json;

struct Matrix {
  std::string name;  // as PEFT has it, without the prefix
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

Matrix random_matrix(const std::string& name, std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  Matrix m{name, {rows, cols}, {}};
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    m.values.push_back(static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F);
  }
  return m;
}

json plain_config() {
  return {{"peft_type", "LORA"},
          {"r", 3},
          {"lora_alpha", 6},
          {"bias", "none"},
          {"target_modules", {"q_proj"}}};
}

void write_adapter(const std::string& folder, const json& config,
                   const std::vector<Matrix>& matrices) {
  std::filesystem::create_directories(folder);
  test::write_text(folder + "/adapter_config.json", config.dump());
  std::vector<TensorSpec> specs;
  for (const Matrix& m : matrices) {
    specs.push_back({"base_model.model." + m.name, DType::kF32, m.shape});
  }
  OutputFile file(folder + "/adapter_model.safetensors", true);
  SafetensorsWriter writer(file, specs, {{"format", "pt"}});
  for (const Matrix& m : matrices) writer.append(std::as_bytes(std::span(m.values)));
  writer.finish();
  file.commit();
}

const std::string kQ = "model.layers.0.self_attn.q_proj";

// q_proj of layer 0 of small_config("llama"): [24, 24].
std::vector<Matrix> q_pair(std::int64_t rank = 3, std::int64_t in = 24, std::int64_t out = 24) {
  return {random_matrix(kQ + ".lora_A.weight", rank, in, 5),
          random_matrix(kQ + ".lora_B.weight", out, rank, 6)};
}

std::vector<float> floats_of(const Checkpoint& checkpoint, const std::string& name) {
  const std::size_t i = checkpoint.find(name).value();
  const TensorInfo& info = checkpoint.tensors()[i];
  std::vector<float> out(static_cast<std::size_t>(info.rows() * info.cols()));
  checkpoint.read_rows_f32(i, 0, info.rows(), out);
  return out;
}

class Lora : public testing::Test {
 protected:
  Lora() { test::write_folder(temp_ / "base", test::small_config("llama"), DType::kF32); }

  std::shared_ptr<const Checkpoint> base() const { return Checkpoint::open(temp_ / "base"); }

  // What reading the adapter and fitting it to the base throws.
  Error refusal(const json& config, const std::vector<Matrix>& matrices) const {
    write_adapter(temp_ / "adapter", config, matrices);
    return test::error_of([&] { merge_lora(base(), LoraAdapter::open(temp_ / "adapter")); });
  }

  test::TempFolder temp_;
};

TEST_F(Lora, AddsTheScaledProductAndNothingElse) {
  const auto pair = q_pair();
  write_adapter(temp_ / "adapter", plain_config(), pair);
  const auto merged = merge_lora(base(), LoraAdapter::open(temp_ / "adapter"));
  const auto before = floats_of(*base(), kQ + ".weight");
  const auto after = floats_of(*merged, kQ + ".weight");
  for (std::size_t row = 0; row < 24; ++row) {
    for (std::size_t col = 0; col < 24; ++col) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        sum += static_cast<double>(pair[1].values[row * 3 + k]) *
               static_cast<double>(pair[0].values[k * 24 + col]);
      }
      const double want = static_cast<double>(before[row * 24 + col]) + 2.0 * sum;
      EXPECT_FLOAT_EQ(after[row * 24 + col], static_cast<float>(want));
    }
  }
  const auto plain = base();
  for (const TensorInfo& info : plain->tensors()) {
    if (info.name != kQ + ".weight") {
      EXPECT_EQ(floats_of(*merged, info.name), floats_of(*plain, info.name));
    }
  }
}

TEST_F(Lora, ScaleOfARankStabilisedAdapter) {
  auto config = plain_config();
  config["use_rslora"] = true;
  write_adapter(temp_ / "adapter", config, q_pair());
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  EXPECT_DOUBLE_EQ(adapter->pairs().at(kQ + ".weight").scale, 6 / std::sqrt(3.0));
}

TEST_F(Lora, MergedModelsGoThroughEveryFormat) {
  write_adapter(temp_ / "adapter", plain_config(), q_pair());
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  const auto want = floats_of(*merge_lora(base(), adapter), kQ + ".weight");
  const auto written = [&](CheckpointFormat format, const std::string& from,
                           const std::string& name) {
    ConvertOptions options;
    options.format = format;
    options.overwrite = true;
    convert(*merge_lora(Checkpoint::open(from), adapter), temp_ / name, options);
    return floats_of(*Checkpoint::open(temp_ / name), kQ + ".weight");
  };
  EXPECT_EQ(written(CheckpointFormat::kLathe, temp_ / "base", "m.lathe"), want);
  EXPECT_EQ(written(CheckpointFormat::kGguf, temp_ / "base", "m.gguf"), want);
  EXPECT_EQ(written(CheckpointFormat::kHuggingFace, temp_ / "base", "m"), want);
  // And from GGUF, whose rows of q and k are in another order.
  ConvertOptions options;
  options.format = CheckpointFormat::kGguf;
  convert(*base(), temp_ / "base.gguf", options);
  EXPECT_EQ(written(CheckpointFormat::kHuggingFace, temp_ / "base.gguf", "n"), want);
}

TEST_F(Lora, RoundsOnceToTheTypeAskedFor) {
  write_adapter(temp_ / "adapter", plain_config(), q_pair());
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  const auto exact = floats_of(*merge_lora(base(), adapter), kQ + ".weight");
  const auto narrow = merge_lora(base(), adapter, DType::kBF16);
  EXPECT_EQ(narrow->tensors()[narrow->find(kQ + ".weight").value()].dtype, DType::kBF16);
  const auto rounded = floats_of(*narrow, kQ + ".weight");
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_LE(std::abs(rounded[i] - exact[i]), std::abs(exact[i]) / 256);
  }
}

TEST_F(Lora, RefusesWhatDoesNotFitTheModel) {
  auto config = plain_config();
  Error error = refusal(config, q_pair(3, 20));
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  EXPECT_NE(error.message().find("q_proj.weight\" of shape [24, 20]"), std::string::npos)
      << error.message();
  auto pair = q_pair();
  for (Matrix& m : pair) m.name.replace(m.name.find("layers.0"), 8, "layers.7");
  error = refusal(config, pair);
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  EXPECT_NE(error.message().find("layers.7.self_attn.q_proj"), std::string::npos);
  pair = q_pair();
  for (Matrix& m : pair) m.name.replace(m.name.find("self_attn.q_proj"), 16, "input_layernorm");
  config["target_modules"] = {"input_layernorm"};
  EXPECT_EQ(refusal(config, pair).code(), ErrorCode::kInvalid);
}

TEST_F(Lora, RefusesBrokenAdaptersByName) {
  const auto pair = q_pair();
  Error error = refusal(plain_config(), {pair[0]});
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  EXPECT_NE(error.message().find("no partner"), std::string::npos) << error.message();
  EXPECT_EQ(refusal(plain_config(), q_pair(4)).code(), ErrorCode::kInvalid);
  EXPECT_EQ(refusal(plain_config(), {}).code(), ErrorCode::kInvalid);
  auto config = plain_config();
  config["target_modules"] = {"k_proj"};
  EXPECT_EQ(refusal(config, pair).code(), ErrorCode::kInvalid);
  config["target_modules"] = {"q_proj", "k_proj"};
  error = refusal(config, pair);
  EXPECT_NE(error.message().find("k_proj"), std::string::npos) << error.message();
  config = plain_config();
  config["r"] = 0;
  EXPECT_EQ(refusal(config, pair).code(), ErrorCode::kInvalid);
  config.erase("r");
  EXPECT_EQ(refusal(config, pair).code(), ErrorCode::kInvalid);
  auto unknown = pair;
  unknown[0].name = kQ + ".lora_magnitude_vector";
  error = refusal(plain_config(), unknown);
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_NE(error.message().find("lora_magnitude_vector"), std::string::npos);
  std::filesystem::remove(temp_ / "adapter/adapter_model.safetensors");
  test::write_text(temp_ / "adapter/adapter_model.bin", "pickle");
  EXPECT_EQ(test::error_of([&] { LoraAdapter::open(temp_ / "adapter"); }).code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(test::error_of([&] { LoraAdapter::open(temp_ / "nowhere"); }).code(), ErrorCode::kIo);
}

TEST_F(Lora, RefusesKindsThatAreMoreThanAProduct) {
  const std::pair<const char*, json> cases[] = {
      {"use_dora", true},   {"modules_to_save", {"lm_head"}},   {"bias", "all"},
      {"lora_bias", true},  {"fan_in_fan_out", true},           {"init_lora_weights", "pissa"},
      {"peft_type", "IA3"}, {"trainable_token_indices", {1, 2}}};
  for (const auto& [key, value] : cases) {
    auto config = plain_config();
    config[key] = value;
    const Error error = refusal(config, q_pair());
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << key;
    const bool named =
        error.message().find(key) != std::string::npos || config["peft_type"] != "LORA";
    EXPECT_TRUE(named) << error.message();
  }
}

TEST_F(Lora, RefusesOneHalfOfATiedMatrix) {
  auto config = test::small_config("llama");
  config.tie_word_embeddings = true;
  test::write_folder(temp_ / "tied", config, DType::kF32);
  auto adapter = plain_config();
  adapter["target_modules"] = {"lm_head"};
  write_adapter(temp_ / "adapter", adapter,
                {random_matrix("lm_head.lora_A.weight", 3, 24, 1),
                 random_matrix("lm_head.lora_B.weight", 48, 3, 2)});
  const auto open = LoraAdapter::open(temp_ / "adapter");
  const auto tied = Checkpoint::open(temp_ / "tied");
  EXPECT_EQ(test::error_of([&] { merge_lora(tied, open); }).code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace lathe
