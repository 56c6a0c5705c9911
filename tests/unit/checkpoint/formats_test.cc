// The table of formats: each model is one row's, and what a path means does not depend on who asks.
#include "checkpoint/formats.h"

#include <gtest/gtest.h>

#include "lathe/convert.h"

#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

using test::error_of;
using test::TempFolder;

// A byte-level tokenizer.json of three tokens.
constexpr const char* kTokenizer =
    R"({"added_tokens":[],"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},)"
    R"("decoder":{"type":"ByteLevel"},)"
    R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";

void write_llama2c(const std::string& path) {
  const std::int32_t header[] = {4, 6, 1, 2, 1, 8, 4};
  std::string bytes(reinterpret_cast<const char*>(header), sizeof header);
  constexpr std::size_t kFloats = 8 * 4 + 4 + 16 + 8 + 8 + 16 + 4 + 3 * 24 + 4 + 2 * 4;
  bytes += std::string(kFloats * sizeof(float), '\0');
  test::write_text(path, bytes);
}

// One model in each format, with a tokenizer where that has one.
class Formats : public testing::Test {
 protected:
  void SetUp() override {
    test::write_folder(temp_ / "hf", test::small_config("llama"), DType::kF32);
    const auto plain = Checkpoint::open(temp_ / "hf");
    ConvertOptions options;
    options.format = CheckpointFormat::kGguf;
    convert(*plain, temp_ / "m.gguf", options);
    test::write_text(temp_ / "hf/tokenizer.json", kTokenizer);
    options.format = CheckpointFormat::kLathe;
    convert(*Checkpoint::open(temp_ / "hf"), temp_ / "m.lathe", options);
    write_llama2c(temp_ / "m.bin");
  }

  TempFolder temp_;
};

TEST_F(Formats, EachModelIsOneRows) {
  const std::pair<const char*, const char*> models[] = {{"hf", "hf"},
                                                        {"hf/model.safetensors", "hf"},
                                                        {"m.gguf", "gguf"},
                                                        {"m.lathe", "lathe"},
                                                        {"m.bin", "llama2.c"}};
  for (const auto& [name, format] : models) {
    const ModelPath path(temp_ / name);
    for (const Format& row : formats()) EXPECT_EQ(row.sniff(path), row.id.name == format) << name;
    EXPECT_EQ(format_of(path).id.name, format);
    EXPECT_EQ(Checkpoint::open(temp_ / name)->format().name, format);
    EXPECT_FALSE(list_file(temp_ / name).tensors.empty()) << name;
  }
}

TEST_F(Formats, AreAllNamedToWhoHasNoneOfThem) {
  test::write_text(temp_ / "text", std::string(5000, 'a'));
  const std::string message = error_of([&] { Checkpoint::open(temp_ / "text"); }).message();
  for (const Format& row : formats()) {
    EXPECT_NE(message.find(row.title), std::string::npos) << message;
  }
  EXPECT_EQ(find_format(ModelPath(temp_ / "text")), nullptr);
}

TEST_F(Formats, ATokenizersPathMeansTheSameToAll) {
  for (const char* name : {"hf", "hf/tokenizer.json", "hf/model.safetensors", "m.lathe"}) {
    EXPECT_EQ(open_tokenizer_files(temp_ / name)->tokenizer_json, kTokenizer) << name;
    const auto with = Checkpoint::open(temp_ / "m.bin", {.tokenizer_path = temp_ / name});
    ASSERT_NE(with->tokenizer_files(), nullptr);
    EXPECT_EQ(with->tokenizer_files()->tokenizer_json, kTokenizer) << name;
  }
  for (const char* name : {"m.gguf", "m.bin"}) {
    EXPECT_EQ(error_of([&] { open_tokenizer_files(temp_ / name); }).code(), ErrorCode::kInvalid);
  }
}

// Byte 8 is a brace, as in safetensors.
TEST_F(Formats, ATokenizerIsNoSafetensorsForItsNinthByte) {
  const std::string json = R"({"mode":{}})";
  ASSERT_EQ(json[8], '{');
  test::write_text(temp_ / "tokenizer.json", json);
  EXPECT_EQ(open_tokenizer_files(temp_ / "tokenizer.json")->tokenizer_json, json);
}

}  // namespace
}  // namespace lathe
