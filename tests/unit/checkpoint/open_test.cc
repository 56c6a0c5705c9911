#include <cstring>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lathe/checkpoint_parts.h"

#include "support/checkpoint_fixtures.h"
#include "support/paths.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TempFolder;

std::string shared(const std::string& name) { return shared_data(name); }

TEST(OpenHuggingFace, GivesTheFilesBytesInTheConfigsOrder) {
  const TempFolder temp;
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    const std::string folder = temp / family;
    const auto weights = test::write_folder(folder, test::small_config(family), DType::kBF16);
    for (const std::string& path : {folder, folder + "/model.safetensors", folder + "/"}) {
      const auto checkpoint = Checkpoint::open(path);
      EXPECT_EQ(checkpoint->format(), CheckpointFormat::kHuggingFace);
      EXPECT_EQ(checkpoint->config().family, family);
      EXPECT_EQ(test::read_weights(*checkpoint), weights);
      EXPECT_EQ(checkpoint->tensors().front().name, "model.embed_tokens.weight");
      EXPECT_TRUE(checkpoint->find("lm_head.weight").has_value());
      EXPECT_FALSE(checkpoint->find("lm_head.bias").has_value());
    }
  }
}

TEST(OpenHuggingFace, ReadsRowsAndDecodesThem) {
  const TempFolder temp;
  const auto config = test::small_config("llama");
  const auto weights = test::write_folder(temp / "m", config, DType::kF16);
  const auto checkpoint = Checkpoint::open(temp / "m");
  const auto tensor = *checkpoint->find("model.layers.1.mlp.up_proj.weight");
  std::vector<float> row(static_cast<std::size_t>(config.hidden_size));
  checkpoint->read_rows_f32(tensor, 5, 1, row);
  const auto& bytes = weights.at("model.layers.1.mlp.up_proj.weight");
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, bytes.data() + (5 * row.size() + i) * 2, 2);
    EXPECT_EQ(row[i], f16_to_f32(half));
  }
  EXPECT_EQ(error_of([&] { checkpoint->read_rows_f32(tensor, 44, 1, row); }).code(),
            ErrorCode::kBug);
  // Rows are checked before the file is asked for them.
  std::vector<std::byte> two(row.size() * 2 * 2);
  EXPECT_NO_THROW(checkpoint->read_rows(tensor, 42, 2, two));
  for (const auto& [first, count] : {std::pair(43, 2), {-1, 2}, {0, 1}, {0, 3}}) {
    EXPECT_EQ(error_of([&] { checkpoint->read_rows(tensor, first, count, two); }).code(),
              ErrorCode::kBug);
  }
}

// Rewrites the folder with one tensor less, more or of another shape.
void rewrite(const std::string& folder,
             const std::function<void(std::vector<TensorSpec>&)>& change) {
  std::vector<TensorSpec> specs;
  for (const TensorSlot& slot : tensor_slots(test::small_config("llama"))) {
    specs.push_back({slot.name(), DType::kF32, slot.shape});
  }
  change(specs);
  OutputFile file(folder + "/model.safetensors", true);
  SafetensorsWriter writer(file, specs, {});
  for (const TensorSpec& spec : specs) {
    std::size_t count = 1;
    for (const auto d : spec.shape) count *= static_cast<std::size_t>(d);
    writer.append(
        std::vector<std::byte>(static_cast<std::size_t>(*dtype_bytes(spec.dtype, count))));
  }
  writer.finish();
  file.commit();
}

TEST(OpenHuggingFace, TensorsMustBeThoseOfTheConfig) {
  const TempFolder temp;
  const std::string folder = temp / "m";
  test::write_folder(folder, test::small_config("llama"), DType::kF32);
  const auto refused = [&](ErrorCode code, const std::string& name,
                           const std::function<void(std::vector<TensorSpec>&)>& change) {
    rewrite(folder, change);
    const Error e = error_of([&] { Checkpoint::open(folder); });
    EXPECT_EQ(e.code(), code) << e.message();
    EXPECT_NE(e.message().find(name), std::string::npos) << e.message();
  };
  refused(ErrorCode::kInvalid, "lm_head.weight", [](auto& specs) { specs.pop_back(); });
  refused(ErrorCode::kInvalid, "q_proj.qweight", [](auto& specs) {
    specs.push_back({"model.layers.0.self_attn.q_proj.qweight", DType::kI32, {3, 4}});
  });
  refused(ErrorCode::kInvalid, "shape [24, 47]", [](auto& specs) { specs[0].shape = {24, 47}; });
  refused(ErrorCode::kInvalid, "model.embed_tokens.weight", [](auto& specs) {
    specs[0].shape = {24, 48};
  });
  refused(ErrorCode::kUnsupported, "I64", [](auto& specs) { specs[0].dtype = DType::kI64; });
  rewrite(folder, [](auto& specs) {
    specs.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", DType::kF32, {3}});
  });
  EXPECT_EQ(Checkpoint::open(folder)->metadata().at("ignored tensors"),
            "model.layers.0.self_attn.rotary_emb.inv_freq");
}

TEST(Open, SaysWhatAnInputIsThatIsNoModel) {
  const TempFolder temp;
  const auto code = [&](const std::string& path) {
    const Error e = error_of([&] { Checkpoint::open(path); });
    EXPECT_NE(e.message().find(path.substr(path.rfind('/') + 1)), std::string::npos) << e.message();
    return e.code();
  };
  EXPECT_EQ(code(temp / "absent"), ErrorCode::kIo);
  test::write_text(temp / "empty", "");
  EXPECT_EQ(code(temp / "empty"), ErrorCode::kInvalid);
  test::write_text(temp / "one", "x");
  EXPECT_EQ(code(temp / "one"), ErrorCode::kInvalid);
  test::write_text(temp / "text", std::string(5000, 'a'));
  EXPECT_EQ(code(temp / "text"), ErrorCode::kInvalid);
  fs::create_directory(temp / "folder");
  EXPECT_EQ(code(temp / "folder"), ErrorCode::kInvalid);
  test::write_text(temp / "folder/config.json", "{}");
  EXPECT_EQ(code(temp / "folder"), ErrorCode::kInvalid);
  ASSERT_EQ(::mkfifo((temp / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(code(temp / "fifo"), ErrorCode::kIo);
  EXPECT_EQ(code("/dev/null"), ErrorCode::kIo);
}

TEST(Open, PicklesAreNotRead) {
  const TempFolder temp;
  test::write_folder(temp / "m", test::small_config("llama"), DType::kF32);
  fs::rename(temp / "m/model.safetensors", temp / "m/pytorch_model.bin");
  EXPECT_EQ(error_of([&] { Checkpoint::open(temp / "m"); }).code(), ErrorCode::kUnsupported);
}

TEST(OpenLlama2c, ReadsStories260K) {
  if (!fs::exists(shared("stories260K.bin"))) GTEST_SKIP() << "no shared data";
  const auto checkpoint =
      Checkpoint::open(shared("stories260K.bin"), {.tokenizer_path = shared("tok512.bin")});
  const ModelConfig& c = checkpoint->config();
  EXPECT_EQ(checkpoint->format().name, "llama2.c");
  EXPECT_EQ(c.vocab_size, 512);
  EXPECT_EQ(c.hidden_size, 64);
  EXPECT_EQ(c.layer(0).mlp.width, 172);
  EXPECT_EQ(c.num_layers(), 5);
  EXPECT_EQ(c.layer(0).attention.heads, 8);
  EXPECT_EQ(c.layer(0).attention.kv_heads, 4);
  EXPECT_EQ(c.eos_tokens, std::vector<std::int64_t>{1});
  EXPECT_TRUE(c.tie_word_embeddings);
  EXPECT_EQ(checkpoint->tensors().size(), 2u + 5u * 9u);
  EXPECT_NE(checkpoint->tokenizer_files(), nullptr);
  // Rows 0, 4 of half order are rows 0, 1 of the file's order (head_dim 8).
  const auto q = *checkpoint->find("model.layers.0.self_attn.q_proj.weight");
  EXPECT_TRUE(checkpoint->bytes_in_place(q).empty());
  const std::string raw = test::read_text(shared("stories260K.bin"));
  const std::size_t wq = 28 + (512 * 64 + 5 * 64) * 4;
  std::vector<std::byte> row(256);
  checkpoint->read_rows(q, 4, 1, row);
  EXPECT_EQ(std::memcmp(row.data(), raw.data() + wq + 256, 256), 0);
}

TEST(OpenGguf, OpensVocabularyOnlyFilesOfAnyArchitecture) {
  for (const char* name : {"ggml-vocab-falcon.gguf", "ggml-vocab-gpt-2.gguf",
                           "ggml-vocab-llama-spm.gguf", "ggml-vocab-deepseek-coder.gguf"}) {
    const std::string path = shared(std::string("vocab/") + name);
    if (!fs::exists(path)) GTEST_SKIP() << "no shared data";
    const auto checkpoint = Checkpoint::open(path);
    EXPECT_FALSE(checkpoint->has_model());
    ASSERT_TRUE(checkpoint->tokenizer_files() && checkpoint->tokenizer_files()->gguf);
    EXPECT_EQ(checkpoint->config().vocab_size,
              static_cast<std::int64_t>(checkpoint->tokenizer_files()->gguf->tokens.size()));
    EXPECT_TRUE(checkpoint->tensors().empty());
  }
}

}  // namespace
}  // namespace lathe
