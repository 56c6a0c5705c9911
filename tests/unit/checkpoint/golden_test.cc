// The small models that transformers wrote (testdata/golden): each kind of file gives their
// weights back.
#include <filesystem>
#include <gtest/gtest.h>

#include "lathe/convert.h"

#include "support/checkpoint_fixtures.h"
#include "support/paths.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

TEST(Golden, EveryModelGoesThroughEveryFormatThatCanHoldIt) {
  int models = 0;
  for (const auto& entry : fs::directory_iterator(testdata("golden/models"))) {
    SCOPED_TRACE(entry.path().filename().string());
    const test::TempFolder temp;
    const auto source = Checkpoint::open(entry.path().string());
    const auto weights = test::read_weights(*source);
    ConvertOptions options;
    options.format = CheckpointFormat::kLathe;
    convert(*source, temp / "a.lathe", options);
    auto last = Checkpoint::open(temp / "a.lathe");
    EXPECT_EQ(test::read_weights(*last), weights);
    // Llama.cpp's format cannot express some of the options.
    const ModelConfig& c = source->config();
    const AttentionConfig& a = c.layer(0).attention;
    const std::string name = entry.path().filename().string();
    const bool gguf = (a.rope.truncate || c.family == "gpt_oss") &&
                      !(c.family == "qwen3" && a.output_bias) &&
                      // Attention's scale is not the head's; other layers do not turn.
                      name != "gemma2" && name != "gemma3-wrapped" && name != "smollm3" &&
                      name != "ernie-bias" && name != "qwen3-moe-dense-layer";
    if (gguf) {
      options.format = CheckpointFormat::kGguf;
      convert(*last, temp / "b.gguf", options);
      last = Checkpoint::open(temp / "b.gguf");
      EXPECT_EQ(test::read_weights(*last), weights);
    } else {
      options.format = CheckpointFormat::kGguf;
      EXPECT_EQ(test::error_of([&] { convert(*last, temp / "b.gguf", options); }).code(),
                ErrorCode::kUnsupported);
    }
    options.format = CheckpointFormat::kHuggingFace;
    convert(*last, temp / "c", options);
    last = Checkpoint::open(temp / "c");
    EXPECT_EQ(test::read_weights(*last), weights);
    EXPECT_EQ(config_to_json(last->config(), DType::kF32, ConfigUse::kHuggingFace),
              config_to_json(source->config(), DType::kF32, ConfigUse::kHuggingFace));
    ++models;
  }
  EXPECT_GT(models, 10);
}

}  // namespace
}  // namespace lathe
