// Adapters: what PEFT computed with them (testdata/golden/lora), sums in double, refusals.
#include "lathe/lora.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lathe/convert.h"

#include "container/gguf_reader.h"
#include "container/gguf_writer.h"
#include "container/safetensors_reader.h"
#include "support/checkpoint_fixtures.h"
#include "support/paths.h"

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

TEST_F(Lora, NamesThatATrainerLookedForInVainAreNoError) {
  auto config = plain_config();
  config["target_modules"] = {"q_proj", "query_key_value", "dense"};
  write_adapter(temp_ / "adapter", config, q_pair());
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  EXPECT_EQ(adapter->pairs().size(), 1u);
  ASSERT_EQ(adapter->warnings().size(), 1u);
  EXPECT_NE(adapter->warnings()[0].find("query_key_value"), std::string::npos);
  EXPECT_EQ(adapter->warnings()[0].find("q_proj"), std::string::npos);
  EXPECT_NO_THROW(merge_lora(base(), adapter));
}

TEST_F(Lora, NumbersThatAreNoneAreRefused) {
  auto pair = q_pair();
  pair[1].values[7] = std::nanf("");
  const Error error = refusal(plain_config(), pair);
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  EXPECT_NE(error.message().find("lora_B"), std::string::npos) << error.message();
}

// ---- families whose files are otherwise

struct FamilyCase {
  const char* model;  // of testdata/golden/models
  const char* module;
};

class LoraOfFamily : public Lora, public testing::WithParamInterface<FamilyCase> {};

// The sum in the file, before anything is known of what its rows mean, beside what merge_lora()
// makes.
TEST_P(LoraOfFamily, IsTheSumInItsOwnFiles) {
  const std::string folder = testdata(std::string("golden/models/") + GetParam().model);
  const std::string module = GetParam().module;
  const auto file = SafetensorsReader::open(folder + "/model.safetensors");
  const std::size_t index = file->find_tensor(module + ".weight").value();
  const std::vector<std::int64_t> shape = file->tensors()[index].shape;
  const Matrix a = random_matrix(module + ".lora_A.weight", 3, shape[1], 21);
  const Matrix b = random_matrix(module + ".lora_B.weight", shape[0], 3, 22);
  auto config = plain_config();
  config["target_modules"] = {module.substr(module.rfind('.') + 1)};
  write_adapter(temp_ / "adapter", config, {a, b});
  const auto base = Checkpoint::open(folder);
  const auto adapter = LoraAdapter::open(temp_ / "adapter");

  // The folder with the sum in the place of the matrix.
  std::filesystem::copy(folder, temp_ / "summed", std::filesystem::copy_options::recursive);
  std::vector<TensorSpec> specs;
  for (const TensorEntry& entry : file->tensors()) specs.push_back(entry);
  specs[index].dtype = DType::kF32;
  std::vector<float> sum(static_cast<std::size_t>(shape[0] * shape[1]));
  decode_to_f32(file->tensors()[index].dtype, file->tensor_data(index), sum);
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::size_t cols = static_cast<std::size_t>(shape[1]), row = i / cols, col = i % cols;
    double product = 0.0;
    for (std::size_t k = 0; k < 3; ++k) {
      product += static_cast<double>(b.values[row * 3 + k]) *
                 static_cast<double>(a.values[k * cols + col]);
    }
    sum[i] = static_cast<float>(static_cast<double>(sum[i]) + 2.0 * product);
  }
  OutputFile out(temp_ / "summed/model.safetensors", true);
  SafetensorsWriter writer(out, specs, {});
  for (std::size_t i = 0; i < specs.size(); ++i) {
    writer.append(i == index ? std::as_bytes(std::span(sum)) : file->tensor_data(i));
  }
  writer.finish();
  out.commit();

  const auto want = Checkpoint::open(temp_ / "summed");
  const auto got = merge_lora(base, adapter, DType::kF32);
  for (const TensorInfo& info : want->tensors()) {
    if (info.shape.size() < 2) continue;
    const auto x = floats_of(*got, info.name), y = floats_of(*want, info.name);
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-5F) << info.name;
  }
  EXPECT_NE(test::read_weights(*want), test::read_weights(*base));
  if (std::string_view(GetParam().module).find("qkv") != std::string_view::npos ||
      std::string_view(GetParam().module).find("gate_up") != std::string_view::npos) {
    EXPECT_EQ(test::error_of([&] {
                write_lora(adapter, *base, temp_ / "a.gguf", LoraFormat::kGguf, false);
              }).code(),
              ErrorCode::kUnsupported);
    return;
  }
  write_lora(adapter, *base, temp_ / "again", LoraFormat::kFolder, false);
  EXPECT_EQ(LoraAdapter::open(temp_ / "again")->fingerprint(), adapter->fingerprint());
  write_lora(adapter, *base, temp_ / "a.gguf", LoraFormat::kGguf, false);
  EXPECT_EQ(LoraAdapter::fit(LoraAdapter::open(temp_ / "a.gguf"), *base)->fingerprint(),
            LoraAdapter::fit(adapter, *base)->fingerprint());
}

INSTANTIATE_TEST_SUITE_P(
    Families, LoraOfFamily,
    testing::Values(FamilyCase{"llama-plain", "model.layers.0.self_attn.q_proj"},
                    FamilyCase{"phi3-short", "model.layers.1.self_attn.qkv_proj"},
                    FamilyCase{"phi3-short", "model.layers.0.mlp.gate_up_proj"},
                    FamilyCase{"glm4", "model.layers.0.self_attn.q_proj"},
                    FamilyCase{"glm4", "model.layers.1.mlp.gate_up_proj"},
                    FamilyCase{"ernie", "model.layers.1.self_attn.k_proj"},
                    FamilyCase{"gemma3", "model.layers.0.self_attn.q_proj"},
                    FamilyCase{"olmo2", "model.layers.0.self_attn.k_proj"}));

// ---- several as one

TEST_F(Lora, ASumAddsEachProductWithItsFactor) {
  write_adapter(temp_ / "a", plain_config(), q_pair());
  auto config = plain_config();
  config["r"] = 2;
  config["target_modules"] = {"q_proj", "v_proj"};
  const std::string v = "model.layers.1.self_attn.v_proj";
  write_adapter(temp_ / "b", config,
                {random_matrix(kQ + ".lora_A.weight", 2, 24, 8),
                 random_matrix(kQ + ".lora_B.weight", 24, 2, 9),
                 random_matrix(v + ".lora_A.weight", 2, 24, 10),
                 random_matrix(v + ".lora_B.weight", 12, 2, 11)});
  const auto a = LoraAdapter::open(temp_ / "a"), b = LoraAdapter::open(temp_ / "b");
  const std::vector<LoraTerm> terms = {{a, 1.0}, {b, -0.5}};
  const auto sum = LoraAdapter::sum(terms, *base());
  EXPECT_EQ(sum->label(), "a + b:-0.5");
  const auto both = merge_lora(base(), sum);
  const auto before = floats_of(*base(), kQ + ".weight");
  const auto with_a = floats_of(*merge_lora(base(), a), kQ + ".weight");
  const auto with_b = floats_of(*merge_lora(base(), b), kQ + ".weight");
  const auto got = floats_of(*both, kQ + ".weight");
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], with_a[i] - 0.5F * (with_b[i] - before[i]), 1e-5F) << i;
  }
  EXPECT_NE(floats_of(*both, v + ".weight"), floats_of(*base(), v + ".weight"));
  // One alone is itself.
  const std::vector<LoraTerm> one = {{a, 1.0}};
  EXPECT_EQ(LoraAdapter::sum(one, *base()), a);
}

// ---- GGUF

TEST_F(Lora, BetweenPeftAndGgufNothingIsLost) {
  auto config = plain_config();
  config["target_modules"] = {"q_proj", "up_proj", "embed_tokens"};
  auto matrices = q_pair();
  const std::string up = "model.layers.1.mlp.up_proj";
  matrices.push_back(random_matrix(up + ".lora_A.weight", 3, 24, 12));
  matrices.push_back(random_matrix(up + ".lora_B.weight", 44, 3, 13));
  matrices.push_back(random_matrix("model.embed_tokens.lora_embedding_A", 3, 48, 14));
  matrices.push_back(random_matrix("model.embed_tokens.lora_embedding_B", 24, 3, 15));
  write_adapter(temp_ / "adapter", config, matrices);
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  write_lora(adapter, *base(), temp_ / "a.gguf", LoraFormat::kGguf, false);
  EXPECT_TRUE(is_lora(temp_ / "a.gguf"));
  EXPECT_TRUE(is_lora(temp_ / "adapter"));
  EXPECT_FALSE(is_lora(temp_ / "base"));
  const auto read = LoraAdapter::open(temp_ / "a.gguf");
  EXPECT_EQ(LoraAdapter::fit(read, *base())->fingerprint(), adapter->fingerprint());
  write_lora(read, *base(), temp_ / "back", LoraFormat::kFolder, false);
  EXPECT_EQ(LoraAdapter::open(temp_ / "back")->fingerprint(), adapter->fingerprint());
  // One layer of two is named in full, so that nobody looks for the other's matrices.
  EXPECT_EQ(json::parse(test::read_text(temp_ / "back/adapter_config.json"))["target_modules"],
            json({"embed_tokens", kQ, up}));
  // The model that they make is the same.
  for (const char* name : {"model.embed_tokens.weight", "model.layers.1.mlp.up_proj.weight"}) {
    EXPECT_EQ(floats_of(*merge_lora(base(), read), name),
              floats_of(*merge_lora(base(), adapter), name));
  }
  EXPECT_EQ(test::error_of([&] {
              write_lora(adapter, *base(), temp_ / "a.gguf", LoraFormat::kGguf, false);
            }).code(),
            ErrorCode::kIo);
  EXPECT_EQ(test::error_of([&] {
              write_lora(read, *base(), temp_ / "a.gguf", LoraFormat::kGguf, true);
            }).code(),
            ErrorCode::kUsage);
}

TEST_F(Lora, AGgufAdapterIsAsLlamaCppReadsIt) {
  auto matrices = q_pair();
  matrices.push_back(random_matrix("model.embed_tokens.lora_embedding_A", 3, 48, 14));
  matrices.push_back(random_matrix("model.embed_tokens.lora_embedding_B", 24, 3, 15));
  auto config = plain_config();
  config["target_modules"] = {"q_proj", "embed_tokens"};
  write_adapter(temp_ / "adapter", config, matrices);
  write_lora(LoraAdapter::open(temp_ / "adapter"), *base(), temp_ / "a.gguf", LoraFormat::kGguf,
             false);
  const auto gguf = GgufReader::open(temp_ / "a.gguf");
  EXPECT_EQ(gguf->require_string("general.architecture"), "llama");
  EXPECT_EQ(gguf->require_string("general.type"), "adapter");
  EXPECT_EQ(gguf->require_string("adapter.type"), "lora");
  EXPECT_EQ(gguf->get_double("adapter.lora.alpha"), 6.0);
  const auto values = [&](const char* name, std::vector<std::int64_t> shape) {
    const std::size_t i = gguf->find_tensor(name).value();
    EXPECT_EQ(gguf->tensors()[i].shape, shape) << name;
    const auto bytes = gguf->tensor_data(i);
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  };
  EXPECT_EQ(values("blk.0.attn_q.weight.lora_a", {3, 24}), matrices[0].values);
  // Rows of each head (of 6) by pairs, as the rows of the matrix itself: 0 3 1 4 2 5.
  const auto b = values("blk.0.attn_q.weight.lora_b", {24, 3});
  const std::size_t order[] = {0, 3, 1, 4, 2, 5};
  for (std::size_t row = 0; row < 24; ++row) {
    const std::size_t from = row / 6 * 6 + order[row % 6];
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(b[row * 3 + k], matrices[1].values[from * 3 + k]);
  }
  // Of the embedding A stands on its side.
  const auto a = values("token_embd.weight.lora_a", {48, 3});
  for (std::size_t id = 0; id < 48; ++id) {
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(a[id * 3 + k], matrices[2].values[k * 48 + id]);
  }
  EXPECT_EQ(values("token_embd.weight.lora_b", {24, 3}), matrices[3].values);
}

TEST_F(Lora, ScalesThatDifferGoIntoTheMatricesOfGguf) {
  auto config = plain_config();
  config["alpha_pattern"] = {{"up_proj", 1.5}};
  config["rank_pattern"] = {{"up_proj", 5}};
  config["target_modules"] = {"q_proj", "up_proj"};
  auto matrices = q_pair();
  const std::string up = "model.layers.1.mlp.up_proj";
  matrices.push_back(random_matrix(up + ".lora_A.weight", 5, 24, 12));
  matrices.push_back(random_matrix(up + ".lora_B.weight", 44, 5, 13));
  write_adapter(temp_ / "adapter", config, matrices);
  const auto adapter = LoraAdapter::open(temp_ / "adapter");
  write_lora(adapter, *base(), temp_ / "a.gguf", LoraFormat::kGguf, false);
  const auto want = floats_of(*merge_lora(base(), adapter), up + ".weight");
  const auto got =
      floats_of(*merge_lora(base(), LoraAdapter::open(temp_ / "a.gguf")), up + ".weight");
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-6F);
  // A folder says them.
  write_lora(adapter, *base(), temp_ / "copy", LoraFormat::kFolder, false);
  EXPECT_EQ(LoraAdapter::open(temp_ / "copy")->fingerprint(), adapter->fingerprint());
}

TEST_F(Lora, GgufAdaptersAreRefusedByName) {
  const auto write = [&](const char* architecture, const char* type, const char* tensor) {
    GgufMetadata keys;
    keys.set_string("general.architecture", architecture);
    keys.set_string("general.type", "adapter");
    keys.set_string("adapter.type", type);
    keys.set_f32("adapter.lora.alpha", 6.0F);
    const Matrix a = random_matrix("", 3, 24, 1);
    OutputFile file(temp_ / "a.gguf", true);
    GgufWriter writer(file, keys,
                      {{std::string(tensor) + ".lora_a", DType::kF32, {3, 24}},
                       {std::string(tensor) + ".lora_b", DType::kF32, {24, 3}}});
    writer.append(std::as_bytes(std::span(a.values)));
    writer.append(std::as_bytes(std::span(a.values)));
    writer.finish();
    file.commit();
    return test::error_of([&] { merge_lora(base(), LoraAdapter::open(temp_ / "a.gguf")); });
  };
  Error error = write("qwen2", "lora", "blk.0.attn_q.weight");
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
  EXPECT_NE(error.message().find("qwen2"), std::string::npos) << error.message();
  EXPECT_EQ(write("llama", "vera", "blk.0.attn_q.weight").code(), ErrorCode::kUnsupported);
  error = write("llama", "lora", "blk.0.attn_norm.weight");
  EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  EXPECT_NE(error.message().find("blk.0.attn_norm"), std::string::npos) << error.message();
  EXPECT_EQ(write("llama", "lora", "blk.7.attn_q.weight").code(), ErrorCode::kInvalid);
  test::write_text(temp_ / "a.gguf", "no adapter");
  error = test::error_of([&] { LoraAdapter::open(temp_ / "a.gguf"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalid);
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
