#include "checkpoint/config_gguf.h"

#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "lathe/convert.h"

#include "container/gguf_writer.h"
#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

using test::error_of;
using test::TempFolder;

using Change = std::function<void(GgufMetadata&)>;

// A small model with a vocabulary, and copies of it in which some keys are other ones.
class ConfigGguf : public ::testing::Test {
 protected:
  void SetUp() override { make("llama"); }

  void make(const std::string& family) {
    std::filesystem::remove_all(temp_ / "hf");
    test::write_folder(temp_ / "hf", test::small_config(family), DType::kF32);
    ConvertOptions options;
    options.format = CheckpointFormat::kGguf;
    options.overwrite = true;
    convert(*Checkpoint::open(temp_ / "hf"), temp_ / "plain.gguf", options);
  }

  // A copy without the keys `without`, with what `change` adds.
  std::string changed(const std::set<std::string>& without, const Change& change) const {
    const auto plain = GgufReader::open(temp_ / "plain.gguf");
    GgufMetadata keys;
    for (const GgufEntry& entry : plain->metadata()) {
      if (!without.contains(entry.key)) keys.copy(entry);
    }
    change(keys);
    const std::vector<TensorSpec> specs(plain->tensors().begin(), plain->tensors().end());
    OutputFile file(temp_ / "changed.gguf", true);
    GgufWriter writer(file, keys, specs);
    for (std::size_t i = 0; i < specs.size(); ++i) writer.append(plain->tensor_data(i));
    writer.finish();
    file.commit();
    return temp_ / "changed.gguf";
  }

  ModelConfig config(const std::set<std::string>& without, const Change& change) const {
    return Checkpoint::open(changed(without, change))->config();
  }

  ErrorCode refused(const std::string& key, const Change& change) const {
    const std::string path = changed({key}, change);
    const Error e = error_of([&] { Checkpoint::open(path); });
    EXPECT_NE(e.message().find("changed.gguf"), std::string::npos) << e.message();
    return e.code();
  }

  ErrorCode refused_u32(const std::string& key, std::uint32_t value) const {
    return refused(key, [&](GgufMetadata& keys) { keys.set_u32(key, value); });
  }
  ErrorCode refused_f32(const std::string& key, float value) const {
    return refused(key, [&](GgufMetadata& keys) { keys.set_f32(key, value); });
  }

  TempFolder temp_;
};

const RopeConfig& rope(const ModelConfig& config) { return config.layer(0).attention.rope; }

void nothing(GgufMetadata&) {}

TEST_F(ConfigGguf, FloatsAreTheDecimalsThatWereMeant) {
  const ModelConfig c = config({"llama.rope.freq_base"}, [](GgufMetadata& keys) {
    keys.set_f32("llama.rope.freq_base", 500000.1f);
  });
  EXPECT_EQ(c.rms_norm_eps, 1e-5);
  EXPECT_EQ(rope(c).theta, 500000.1);
}

TEST_F(ConfigGguf, CountsOutOfRangeAreInvalid) {
  for (const std::uint32_t layers : {0u, 1'000'000'000u, 0xffffffffu, 3u}) {
    EXPECT_EQ(refused_u32("llama.block_count", layers), ErrorCode::kInvalid) << layers;
  }
  for (const char* key : {"llama.attention.head_count", "llama.attention.head_count_kv",
                          "llama.embedding_length", "llama.feed_forward_length"}) {
    for (const std::uint32_t value : {0u, 3u, 7u, 0x80000000u, 0xffffffffu}) {
      EXPECT_EQ(refused_u32(key, value), ErrorCode::kInvalid) << key << " " << value;
    }
  }
  EXPECT_EQ(refused_u32("llama.context_length", 0), ErrorCode::kInvalid);
  EXPECT_EQ(refused_u32("llama.context_length", 0xffffffff), ErrorCode::kInvalid);
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.context_length",
                          "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon",
                          "general.architecture"}) {
    EXPECT_EQ(refused(key, nothing), ErrorCode::kInvalid) << key;
    EXPECT_EQ(refused(key, [&](GgufMetadata& keys) { keys.set_bool(key, true); }),
              ErrorCode::kInvalid)
        << key;
  }
}

TEST_F(ConfigGguf, RotaryParametersOutOfRangeAreInvalid) {
  for (const std::uint32_t dims : {0u, 5u, 8u, 0xffffffffu}) {
    EXPECT_EQ(refused_u32("llama.rope.dimension_count", dims), ErrorCode::kInvalid) << dims;
  }
  EXPECT_EQ(refused_u32("llama.rope.dimension_count", 4), ErrorCode::kUnsupported);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float base : {0.0f, -1.0f, nan, inf}) {
    EXPECT_EQ(refused_f32("llama.rope.freq_base", base), ErrorCode::kInvalid) << base;
  }
  for (const float eps : {-1.0f, nan, inf}) {
    EXPECT_EQ(refused_f32("llama.attention.layer_norm_rms_epsilon", eps), ErrorCode::kInvalid);
  }
  for (const float factor : {-2.0f, nan, inf}) {
    EXPECT_EQ(refused_f32("llama.rope.scaling.factor", factor), ErrorCode::kInvalid) << factor;
  }
  EXPECT_EQ(refused_u32("llama.attention.key_length", 8), ErrorCode::kUnsupported);
  EXPECT_EQ(refused_u32("llama.attention.value_length", 8), ErrorCode::kUnsupported);
}

TEST_F(ConfigGguf, WhatIsNotRunHereIsRefusedByName) {
  const auto names = [&](const std::string& key, const std::string& value) {
    const std::string path =
        changed({key}, [&](GgufMetadata& keys) { keys.set_string(key, value); });
    const Error e = error_of([&] { Checkpoint::open(path); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
    EXPECT_NE(e.message().find(value), std::string::npos) << e.message();
  };
  names("general.architecture", "gemma3n");
  names("llama.rope.scaling.type", "longrope");
  EXPECT_EQ(refused_u32("llama.expert_count", 8), ErrorCode::kInvalid);  // of which how many?
  EXPECT_EQ(refused("llama.attention.head_count_kv",
                    [](GgufMetadata& keys) {
                      const std::vector<std::int32_t> differing = {2, 4};
                      keys.set_i32s("llama.attention.head_count_kv", differing);
                    }),
            ErrorCode::kUnsupported);
  EXPECT_EQ(config({"llama.attention.head_count_kv"},
                   [](GgufMetadata& keys) {
                     const std::vector<std::int32_t> same = {2, 2};
                     keys.set_i32s("llama.attention.head_count_kv", same);
                   })
                .layer(0)
                .attention.kv_heads,
            2);
}

TEST_F(ConfigGguf, AKeyOfTheArchitectureThatIsNotUnderstoodIsRefusedByName) {
  const auto refused_name = [&](const std::string& key, const Change& change) {
    const std::string path = changed({}, change);
    const Error e = error_of([&] { Checkpoint::open(path); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.message();
    EXPECT_NE(e.message().find(key), std::string::npos) << e.message();
  };
  refused_name("llama.attn_logit_softcapping",
               [](GgufMetadata& keys) { keys.set_f32("llama.attn_logit_softcapping", 50.0f); });
  refused_name("llama.use_parallel_residual",
               [](GgufMetadata& keys) { keys.set_bool("llama.use_parallel_residual", true); });
  refused_name("llama.attention.key_length_swa",
               [](GgufMetadata& keys) { keys.set_u32("llama.attention.key_length_swa", 4); });
  refused_name("llama.hidden_activation",
               [](GgufMetadata& keys) { keys.set_string("llama.hidden_activation", "relu"); });
  refused_name("llama.layers_kinds", [](GgufMetadata& keys) {
    keys.set_i32s("llama.layers_kinds", std::vector<std::int32_t>{1});
  });
  refused_name("llama.rope.scaling.attn_factor",
               [](GgufMetadata& keys) { keys.set_f32("llama.rope.scaling.attn_factor", 1.5f); });
  refused_name("attention.causal",
               [](GgufMetadata& keys) { keys.set_bool("llama.attention.causal", false); });
}

TEST_F(ConfigGguf, KeysThatChangeNothingArePassedOver) {
  const ModelConfig plain = config({}, nothing);
  const ModelConfig same = config({}, [](GgufMetadata& keys) {
    keys.set_f32("llama.attn_logit_softcapping", 0.0f);
    keys.set_u32("llama.expert_used_count", 0);
    keys.set_string("llama.tensor_data_layout", "Meta AI original pth");
    keys.set_bool("llama.attention.causal", true);
    keys.set_u32("llama.rope.scaling.original_context_length", 8);
    keys.set_u32("llama.attention.sliding_window_pattern", 2);
    keys.set_string("qwen2.activation", "of another architecture");
    keys.set_u32("quantize.imatrix.entries_count", 7);
  });
  EXPECT_EQ(same.layers, plain.layers);
}

TEST_F(ConfigGguf, RopeScalingAsItsKeysSay) {
  const auto linear = config({}, [](GgufMetadata& keys) {
    keys.set_f32("llama.rope.scale_linear", 2.5f);  // the old name, without a type
  });
  EXPECT_EQ(rope(linear).scaling, RopeScalingKind::kLinear);
  EXPECT_EQ(rope(linear).factor, 2.5);
  const auto none = config({}, [](GgufMetadata& keys) {
    keys.set_string("llama.rope.scaling.type", "none");
    keys.set_f32("llama.rope.scaling.factor", 2.5f);
  });
  EXPECT_EQ(rope(none).scaling, RopeScalingKind::kNone);
  const auto yarn = config({}, [](GgufMetadata& keys) {
    keys.set_string("llama.rope.scaling.type", "yarn");
    keys.set_f32("llama.rope.scaling.factor", 4.0f);
    keys.set_u32("llama.rope.scaling.original_context_length", 24);
    keys.set_f32("llama.rope.scaling.attn_factor", 2.0f);
  });
  EXPECT_EQ(rope(yarn).scaling, RopeScalingKind::kYarn);
  EXPECT_EQ(rope(yarn).original_max_position, 24);
  // llama.cpp multiplies what follows from the factor.
  EXPECT_NEAR(rope(yarn).attention_factor, 2.0 * (0.1 * std::log(4.0) + 1.0), 1e-12);
}

TEST_F(ConfigGguf, WindowsAsTheirKeysSay) {
  const auto all =
      config({}, [](GgufMetadata& keys) { keys.set_u32("llama.attention.sliding_window", 32); });
  EXPECT_EQ(all.family, "mistral");
  EXPECT_EQ(all.layer(0).attention.window, 32);
  EXPECT_EQ(all.layer(1).attention.window, 32);
  const auto pattern = config({}, [](GgufMetadata& keys) {
    keys.set_u32("llama.attention.sliding_window", 32);
    keys.set_u32("llama.attention.sliding_window_pattern", 2);
  });
  EXPECT_EQ(pattern.layer(0).attention.window, 32);
  EXPECT_EQ(pattern.layer(1).attention.window, 0);
  EXPECT_EQ(refused("x",
                    [](GgufMetadata& keys) {
                      keys.set_u32("llama.attention.sliding_window", 32);
                      const std::vector<std::int32_t> three = {1, 0, 1};
                      keys.set_i32s("llama.attention.sliding_window_pattern", three);
                    }),
            ErrorCode::kInvalid);
}

TEST_F(ConfigGguf, SpecialTokensMustExist) {
  for (const char* key : {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                          "tokenizer.ggml.eot_token_id", "tokenizer.ggml.padding_token_id"}) {
    EXPECT_EQ(refused_u32(key, 48), ErrorCode::kInvalid) << key;
    EXPECT_EQ(refused_u32(key, 0xfffffffe), ErrorCode::kInvalid) << key;
  }
  EXPECT_EQ(
      config({"tokenizer.ggml.bos_token_id"},
             [](GgufMetadata& keys) { keys.set_u32("tokenizer.ggml.bos_token_id", 0xffffffff); })
          .bos_token,
      -1);
  const auto ends = config({"tokenizer.ggml.eos_token_id"}, [](GgufMetadata& keys) {
    keys.set_u32("tokenizer.ggml.eos_token_id", 5);
    keys.set_u32("tokenizer.ggml.eot_token_id", 6);
    keys.set_u32("tokenizer.ggml.eom_token_id", 5);
  });
  EXPECT_EQ(ends.eos_tokens, (std::vector<std::int64_t>{5, 6}));
}

TEST_F(ConfigGguf, VocabulariesMustBeConsistent) {
  const auto with = [&](std::size_t tokens, std::size_t scores, std::size_t types,
                        std::int32_t type = 1) {
    return changed({"tokenizer.ggml.model"}, [&](GgufMetadata& keys) {
      keys.set_string("tokenizer.ggml.model", "llama");
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < tokens; ++i) texts.push_back(fmt::format("t{}", i));
      keys.set_strings("tokenizer.ggml.tokens", texts);
      keys.set_f32s("tokenizer.ggml.scores", std::vector<float>(scores));
      keys.set_i32s("tokenizer.ggml.token_type", std::vector<std::int32_t>(types, type));
    });
  };
  EXPECT_EQ(Checkpoint::open(with(48, 48, 48))->tokenizer_files()->gguf->tokens.size(), 48u);
  EXPECT_EQ(Checkpoint::open(with(40, 40, 40))->tokenizer_files()->gguf->tokens.size(), 40u);
  const auto code = [&](const std::string& path) {
    return error_of([&] { Checkpoint::open(path); }).code();
  };
  EXPECT_EQ(code(with(48, 47, 48)), ErrorCode::kInvalid);
  EXPECT_EQ(code(with(48, 48, 49)), ErrorCode::kInvalid);
  EXPECT_EQ(code(with(49, 49, 49)), ErrorCode::kInvalid);  // more than rows of the embedding
  EXPECT_EQ(code(with(48, 48, 48, 7)), ErrorCode::kInvalid);
  EXPECT_EQ(code(with(48, 48, 48, -1)), ErrorCode::kInvalid);
  EXPECT_EQ(refused("tokenizer.ggml.model",
                    [](GgufMetadata& keys) { keys.set_string("tokenizer.ggml.model", "llama"); }),
            ErrorCode::kInvalid);  // no tokens
}

TEST_F(ConfigGguf, TokensThatOnlyFillTheEmbeddingAreLeftOut) {
  const std::string path = changed({"tokenizer.ggml.model"}, [&](GgufMetadata& keys) {
    keys.set_string("tokenizer.ggml.model", "llama");
    std::vector<std::string> texts;
    for (int i = 0; i < 48; ++i)
      texts.push_back(i < 45 ? fmt::format("t{}", i) : fmt::format("[PAD{}]", i));
    keys.set_strings("tokenizer.ggml.tokens", texts);
    std::vector<std::int32_t> types(48, 1);
    types[45] = types[46] = types[47] = 5;
    keys.set_i32s("tokenizer.ggml.token_type", types);
  });
  const auto checkpoint = Checkpoint::open(path);
  EXPECT_EQ(checkpoint->tokenizer_files()->gguf->tokens.size(), 45u);
  EXPECT_EQ(checkpoint->config().vocab_size, 48);
}

TEST_F(ConfigGguf, OurOwnKeysAreCheckedLikeTheOthers) {
  EXPECT_EQ(refused("x", [](GgufMetadata& keys) { keys.set_string("lathe.model_type", "qwen2"); }),
            ErrorCode::kInvalid);
  EXPECT_EQ(refused("x",
                    [](GgufMetadata& keys) {
                      const std::vector<std::int32_t> ids = {2, 48};
                      keys.set_i32s("lathe.eos_token_ids", ids);
                    }),
            ErrorCode::kInvalid);
  for (const char* entry : {"BF16", "Q8_0 *", "F32 *", ""}) {
    EXPECT_EQ(refused("x",
                      [&](GgufMetadata& keys) {
                        const std::vector<std::string> types = {entry};
                        keys.set_strings("lathe.vector_types", types);
                      }),
              ErrorCode::kInvalid)
        << entry;
  }
  // The norms hold what no bfloat16 does.
  const auto lying = Checkpoint::open(changed({}, [](GgufMetadata& keys) {
    const std::vector<std::string> types = {"BF16 *"};
    keys.set_strings("lathe.vector_types", types);
  }));
  EXPECT_EQ(error_of([&] { test::read_weights(*lying); }).code(), ErrorCode::kInvalid);
}

TEST_F(ConfigGguf, EachFamilyHasItsArchitecture) {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    make(family);
    const auto plain = GgufReader::open(temp_ / "plain.gguf");
    const std::string expected = std::string(family) == "mistral" ? "llama" : family;
    EXPECT_EQ(plain->get_string("general.architecture"), expected);
    EXPECT_EQ(Checkpoint::open(temp_ / "plain.gguf")->config().family, family);
  }
}

}  // namespace
}  // namespace lathe
