// Models with some of their experts, or some of another's, in every format.
#include "lathe/experts.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lathe/convert.h"

#include "support/checkpoint_fixtures.h"
#include "support/paths.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TempFolder;

std::shared_ptr<const Checkpoint> golden(const char* name) {
  return Checkpoint::open(testdata(std::string("golden/models/") + name));
}

ExpertSets sets(const Checkpoint& checkpoint, const std::vector<std::string>& texts) {
  return parse_expert_sets(checkpoint.config(), texts);
}

// Of those layers that have some.
std::int64_t count_of(const Checkpoint& checkpoint) {
  std::int64_t count = 0;
  for (const LayerConfig& layer : checkpoint.config().layers) {
    count = std::max(count, layer.experts.count);
  }
  return count;
}

constexpr CheckpointFormat kFormats[] = {CheckpointFormat::kLathe, CheckpointFormat::kGguf,
                                         CheckpointFormat::kHuggingFace};

std::string convert_to(const Checkpoint& checkpoint, const std::string& path,
                       CheckpointFormat format) {
  ConvertOptions options;
  options.format = format;
  options.overwrite = true;
  convert(checkpoint, path, options);
  return path;
}

// The weights that are left when those of other experts are taken out by hand.
test::Weights kept_by_hand(const Checkpoint& base, const ExpertSets& kept) {
  const test::Weights all = test::read_weights(base);
  test::Weights out;
  for (const TensorInfo& info : base.tensors()) {
    const std::vector<std::byte>& bytes = all.at(info.name);
    TensorId id = info.id;
    if (id.role == TensorRole::kRouter || id.role == TensorRole::kSelectionBias) {
      const auto& numbers = kept[static_cast<std::size_t>(id.layer)];
      const auto count = static_cast<std::size_t>(base.config().layer(id.layer).experts.count);
      const std::size_t size = bytes.size() / count;
      for (const std::int64_t n : numbers) {
        const auto at =
            bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(n) * size);
        std::copy_n(at, size, std::back_inserter(out[info.name]));
      }
    } else if (id.expert >= 0) {
      const auto& numbers = kept[static_cast<std::size_t>(id.layer)];
      const auto at = std::ranges::find(numbers, id.expert);
      if (at == numbers.end()) continue;
      id.expert = at - numbers.begin();
      out[tensor_name(id)] = bytes;
    } else {
      out[info.name] = bytes;
    }
  }
  return out;
}

TEST(Experts, AreKeptByNumberFromEveryFormatToEveryFormat) {
  for (const char* name :
       {"mixtral", "qwen2-moe", "qwen3-moe", "qwen3-moe-dense-layer", "olmoe", "granite-moe",
        "granite-moe-shared", "ernie-moe", "hunyuan-moe", "gpt-oss", "gpt-oss-bf16"}) {
    SCOPED_TRACE(name);
    const TempFolder temp;
    const auto source = golden(name);
    const std::int64_t count = count_of(*source);
    // Without the second, in the last layer without the first.
    ExpertSets kept = sets(*source, {fmt::format("0,2-{}", count - 1)});
    if (!kept.back().empty()) kept.back().front() = 1;
    const test::Weights want = kept_by_hand(*source, kept);
    for (const CheckpointFormat from : kFormats) {
      std::shared_ptr<const Checkpoint> base;
      try {
        base = Checkpoint::open(convert_to(*source, temp / "base", from));
      } catch (const Error& error) {  // what that format cannot say
        ASSERT_EQ(error.code(), ErrorCode::kUnsupported);
        continue;
      }
      const auto edited = keep_experts(base, kept);
      EXPECT_EQ(count_of(*edited), count - 1);
      EXPECT_EQ(test::read_weights(*edited), want);
      for (const CheckpointFormat to : kFormats) {
        SCOPED_TRACE(fmt::format("{} to {}", from.name, to.name));
        try {
          convert_to(*edited, temp / "out", to);
        } catch (const Error& error) {
          ASSERT_EQ(error.code(), ErrorCode::kUnsupported);
          continue;
        }
        const auto out = Checkpoint::open(temp / "out");
        EXPECT_EQ(count_of(*out), count - 1);
        EXPECT_EQ(test::read_weights(*out), want);
        fs::remove_all(temp / "out");
      }
      fs::remove_all(temp / "base");
    }
  }
}

TEST(Experts, KeptAllAreTheModelItself) {
  const auto base = golden("mixtral");
  EXPECT_EQ(keep_experts(base, all_experts(base->config())), base);
  EXPECT_EQ(replace_experts(base, golden("mixtral"), all_experts(base->config())), base);
}

// A copy, which is another file.
TEST(Experts, ReplacedByTheirOwnMakeTheSameFile) {
  const TempFolder temp;
  const auto base = golden("qwen3-moe");
  fs::copy(testdata("golden/models/qwen3-moe"), temp / "copy");
  const auto edited =
      replace_experts(base, Checkpoint::open(temp / "copy"), sets(*base, {"0:1,3", "1:0-5"}));
  ASSERT_NE(edited, base);
  EXPECT_EQ(test::read_weights(*edited), test::read_weights(*base));
  convert_to(*base, temp / "a.gguf", CheckpointFormat::kGguf);
  convert_to(*edited, temp / "b.gguf", CheckpointFormat::kGguf);
  EXPECT_EQ(test::read_text(temp / "a.gguf"), test::read_text(temp / "b.gguf"));
  convert_to(*base, temp / "a", CheckpointFormat::kHuggingFace);
  convert_to(*edited, temp / "b", CheckpointFormat::kHuggingFace);
  EXPECT_EQ(test::read_text(temp / "a/model.safetensors"),
            test::read_text(temp / "b/model.safetensors"));
  EXPECT_EQ(test::read_text(temp / "a/config.json"), test::read_text(temp / "b/config.json"));
  EXPECT_EQ(edited->metadata().at("experts.replaced"), "0:1,3 1:0-5 from copy");
}

ModelConfig mixture_config() {
  ModelConfig config = test::small_config("qwen3_moe");
  test::each_layer(config, [](LayerConfig& layer) {
    layer.attention.qk_norm = QkNorm::kPerHead;
    layer.experts = {.count = 4, .used = 2};
  });
  return config;
}

TEST(Experts, OfAnotherTypeBringTheirRowsOfTheRouterExactly) {
  const TempFolder temp;
  const ModelConfig config = mixture_config();
  const auto ours = test::write_folder(temp / "a", config, DType::kBF16, 1);
  const auto theirs = test::write_folder(temp / "b", config, DType::kF16, 2);
  const auto base = Checkpoint::open(temp / "a");
  const auto edited = replace_experts(base, Checkpoint::open(temp / "b"), sets(*base, {"1:2-3"}));
  const auto weights = test::read_weights(*edited);
  for (const TensorInfo& info : edited->tensors()) {
    SCOPED_TRACE(info.name);
    const bool other = info.id.layer == 1 && info.id.expert >= 2;
    if (info.id.role == TensorRole::kRouter && info.id.layer == 1) {
      EXPECT_EQ(info.dtype, DType::kF32);
      std::vector<float> got(static_cast<std::size_t>(info.rows() * info.cols()));
      std::vector<float> row(static_cast<std::size_t>(info.cols()));
      edited->read_rows_f32(*edited->find(info.name), 0, info.rows(), got);
      for (std::int64_t expert = 0; expert < 4; ++expert) {
        const auto from = expert < 2 ? base : Checkpoint::open(temp / "b");
        from->read_rows_f32(*from->find(info.name), expert, 1, row);
        EXPECT_TRUE(std::equal(row.begin(), row.end(), got.begin() + expert * info.cols()));
      }
    } else {
      EXPECT_EQ(weights.at(info.name), (other ? theirs : ours).at(info.name));
    }
  }
}

TEST(Experts, ThatCannotBeKeptOrDoNotFitAreRefused) {
  const TempFolder temp;
  const auto base = golden("qwen3-moe");  // 8, 3 of which a token uses
  const auto keeping = [&](const std::vector<std::string>& texts) {
    return error_of([&] { keep_experts(base, sets(*base, texts)); });
  };
  EXPECT_EQ(keeping({"0-1"}).code(), ErrorCode::kUsage);
  EXPECT_NE(keeping({"0-1"}).message().find("goes through 3 experts"), std::string::npos);
  EXPECT_NE(keeping({"0-3", "1:0-4"}).message().find("one number for all"), std::string::npos);
  EXPECT_NE(keeping({"0:0-3"}).message().find("4 experts are kept in layer 0 and 0 in layer 1"),
            std::string::npos);
  for (const char* text : {"", "8", "0-8", "3-1", "x", "1,", ",1", "-1", "1--2", "1 ", "2:0-3",
                           ":0-3", "0:", "99999999999999999999", "0:1:2"}) {
    EXPECT_EQ(keeping({text}).code(), ErrorCode::kUsage) << text;
  }
  const auto dense = golden("olmo2");
  EXPECT_EQ(error_of([&] { keep_experts(dense, all_experts(dense->config())); }).code(),
            ErrorCode::kUsage);
  // Of layers without experts nothing can be kept by name.
  const auto mixed = golden("qwen3-moe-dense-layer");
  EXPECT_EQ(error_of([&] { sets(*mixed, {"1:0-3"}); }).code(), ErrorCode::kUsage);

  const auto replacing = [&](const Checkpoint& from) {
    const auto shared = Checkpoint::open(from.path());
    return error_of([&] { replace_experts(base, shared, all_experts(base->config())); });
  };
  EXPECT_EQ(replacing(*golden("mixtral")).code(), ErrorCode::kInvalid);
  EXPECT_EQ(replacing(*dense).code(), ErrorCode::kInvalid);
}

TEST(Experts, ListsComeBackAsTheirTexts) {
  const auto base = golden("qwen3-moe");
  const auto text = [&](const std::vector<std::string>& texts) {
    return expert_sets_text(base->config(), sets(*base, texts));
  };
  EXPECT_EQ(text({"7,0-2,1,4"}), "0-2,4,7");
  EXPECT_EQ(text({"0-3", "1:4,5-7"}), "0:0-3 1:4-7");
  EXPECT_EQ(text({"1:3"}), "1:3");
  EXPECT_EQ(text({"0-1:3", "0:5"}), "0:5 1:3");
}

}  // namespace
}  // namespace lathe
