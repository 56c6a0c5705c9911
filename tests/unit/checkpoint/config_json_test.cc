#include "checkpoint/config_json.h"

#include <gtest/gtest.h>
#include <string>

#include "support/checkpoint_fixtures.h"

namespace lathe {
namespace {

using test::error_of;

ModelConfig parse(const std::string& extra, const std::string& type = "llama",
                  const std::string& generation = "") {
  const std::string text = R"({"model_type": ")" + type +
                           R"(", "vocab_size": 100, "hidden_size": 64,
      "intermediate_size": 172, "num_hidden_layers": 3, "num_attention_heads": 8)" +
                           (extra.empty() ? "" : ", " + extra) + "}";
  return config_from_json(text, generation, "config.json");
}

AttentionConfig attention(const ModelConfig& config) { return config.layer(0).attention; }
RopeConfig rope(const ModelConfig& config) { return attention(config).rope; }
std::int64_t window(const ModelConfig& config, std::int64_t layer) {
  return config.layer(layer).attention.window;
}

TEST(ConfigJson, AbsentKeysHaveTheFamilysDefaults) {
  const ModelConfig llama = parse("");
  EXPECT_EQ(attention(llama).kv_heads, 8);
  EXPECT_EQ(attention(llama).head_dim, 8);
  EXPECT_EQ(llama.max_position, 2048);
  EXPECT_EQ(llama.rms_norm_eps, 1e-6);
  EXPECT_EQ(rope(llama).theta, 10000.0);
  EXPECT_EQ(llama.bos_token, 1);
  EXPECT_EQ(llama.eos_tokens, std::vector<std::int64_t>{2});
  EXPECT_FALSE(llama.tie_word_embeddings);
  EXPECT_FALSE(attention(llama).qkv_bias);

  const ModelConfig mistral = parse(R"("num_key_value_heads": null)", "mistral");
  EXPECT_EQ(attention(mistral).kv_heads, 8);
  EXPECT_EQ(window(mistral, 0), 4096);
  EXPECT_EQ(window(parse(R"("sliding_window": null)", "mistral"), 0), 0);

  const ModelConfig qwen2 = parse(R"("num_key_value_heads": 2)", "qwen2");
  EXPECT_TRUE(attention(qwen2).qkv_bias);
  EXPECT_FALSE(attention(qwen2).output_bias);
  EXPECT_EQ(qwen2.bos_token, -1);
  EXPECT_TRUE(qwen2.eos_tokens.empty());

  const ModelConfig qwen3 = parse(R"("num_key_value_heads": 2)", "qwen3");
  EXPECT_EQ(attention(qwen3).qk_norm, QkNorm::kPerHead);
  EXPECT_EQ(attention(qwen3).head_dim, 128);
}

TEST(ConfigJson, BiasesFollowTheirKeys) {
  const ModelConfig c = parse(R"("attention_bias": true, "mlp_bias": true)");
  EXPECT_TRUE(attention(c).qkv_bias);
  EXPECT_TRUE(attention(c).output_bias);
  EXPECT_TRUE(c.layer(0).mlp.bias);
}

TEST(ConfigJson, TheWindowOfQwenNeedsItsSwitchAndBeginsAtALayer) {
  const std::string kv = R"("num_key_value_heads": 2, )";
  EXPECT_EQ(window(parse(kv + R"("sliding_window": 32)", "qwen2"), 0), 0);
  const ModelConfig later = parse(
      kv + R"("sliding_window": 32, "use_sliding_window": true, "max_window_layers": 1)", "qwen2");
  EXPECT_EQ(window(later, 0), 0);
  EXPECT_EQ(window(later, 1), 32);
  EXPECT_EQ(window(later, 2), 32);
  const ModelConfig all = parse(
      kv + R"("sliding_window": 32, "use_sliding_window": true, "max_window_layers": 0)", "qwen2");
  EXPECT_EQ(window(all, 0), 32);
  const ModelConfig none = parse(
      kv + R"("sliding_window": 32, "use_sliding_window": true, "max_window_layers": 9)", "qwen2");
  EXPECT_EQ(window(none, 2), 0);
  const ModelConfig spelled =
      parse(kv + R"("sliding_window": 32, "use_sliding_window": true, "layer_types":
             ["full_attention", "sliding_attention", "full_attention"])",
            "qwen3");
  EXPECT_EQ(window(spelled, 0), 0);
  EXPECT_EQ(window(spelled, 1), 32);
  EXPECT_EQ(window(spelled, 2), 0);
}

TEST(ConfigJson, ReadsEachSpellingOfRopeScaling) {
  const ModelConfig old_name =
      parse(R"("rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 4})");
  EXPECT_EQ(rope(old_name).scaling, RopeScalingKind::kLinear);
  EXPECT_EQ(rope(old_name).factor, 4.0);
  EXPECT_EQ(rope(old_name).theta, 500000.0);

  const ModelConfig llama3 = parse(
      R"("rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
         "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})");
  EXPECT_EQ(rope(llama3).scaling, RopeScalingKind::kLlama3);
  EXPECT_EQ(rope(llama3).theta, 500000.0);
  EXPECT_EQ(rope(llama3).original_max_position, 8192);

  const ModelConfig yarn = parse(
      R"("max_position_embeddings": 131072, "rope_scaling": {"rope_type": "yarn", "factor": 4.0,
         "original_max_position_embeddings": 32768, "beta_fast": 16, "truncate": false})");
  EXPECT_EQ(rope(yarn).scaling, RopeScalingKind::kYarn);
  EXPECT_EQ(rope(yarn).original_max_position, 32768);
  EXPECT_EQ(rope(yarn).beta_fast, 16.0);
  EXPECT_EQ(rope(yarn).beta_slow, 1.0);
  EXPECT_EQ(rope(yarn).attention_factor, 0.0);
  EXPECT_FALSE(rope(yarn).truncate);

  EXPECT_EQ(rope(parse(R"("rope_scaling": {"rope_type": "default"})")).scaling,
            RopeScalingKind::kNone);
}

// transformers: get_mscale(4, 0.707) / get_mscale(4, 1.0).
TEST(ConfigJson, YarnsAttentionFactorFollowsFromMscale) {
  const ModelConfig yarn = parse(
      R"("rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512,
         "mscale": 0.707, "mscale_all_dim": 1.0})");
  EXPECT_NEAR(rope(yarn).attention_factor, (0.1 * 0.707 * 1.3862943611 + 1) / 1.13862943611, 1e-9);
}

TEST(ConfigJson, GenerationConfigNamesTheEndTokensFirst) {
  EXPECT_EQ(parse("", "llama", R"({"eos_token_id": [7, 9, 7]})").eos_tokens,
            (std::vector<std::int64_t>{7, 9}));
  EXPECT_EQ(parse("", "llama", R"({"temperature": 0.6})").eos_tokens, std::vector<std::int64_t>{2});
  EXPECT_EQ(parse(R"("eos_token_id": [5, 6])").eos_tokens, (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(parse(R"("bos_token_id": null, "pad_token_id": -1)").bos_token, -1);
}

TEST(ConfigJson, WhatIsNotRunHereIsRefusedByName) {
  const auto unsupported = [](const std::string& text, const std::string& name) {
    const Error e = error_of([&] { config_from_json(text, "", "config.json"); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.message();
    EXPECT_NE(e.message().find(name), std::string::npos) << e.message();
  };
  unsupported(R"({"model_type": "gemma2"})", "gemma2");
  unsupported(R"({"architectures": ["MambaForCausalLM"]})", "MambaForCausalLM");
  unsupported(R"({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]})",
              "LlamaForSequenceClassification");
  unsupported(R"({"model_type": "llama", "quantization_config": {"quant_method": "gptq"}})",
              "gptq");
  const auto refused = [](const std::string& extra, const std::string& name) {
    const Error e = error_of([&] { parse(extra); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.message();
    EXPECT_NE(e.message().find(name), std::string::npos) << e.message();
  };
  refused(R"("rope_scaling": {"rope_type": "dynamic", "factor": 2})", "dynamic");
  refused(R"("rope_scaling": {"type": "longrope"})", "longrope");
  refused(R"("partial_rotary_factor": 0.5)", "partial_rotary_factor");
  refused(R"("hidden_act": "relu")", "relu");
}

TEST(ConfigJson, AKeyThatIsNotUnderstoodIsRefusedByName) {
  const auto refused = [](const std::string& extra, const std::string& name) {
    const Error e = error_of([&] { parse(extra); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.message();
    EXPECT_NE(e.message().find("the key \"" + name + "\""), std::string::npos) << e.message();
  };
  refused(R"("attn_logit_softcapping": 50.0)", "attn_logit_softcapping");
  refused(R"("residual_multiplier": 0.22)", "residual_multiplier");
  refused(R"("no_rope_layers": [1, 1, 0])", "no_rope_layers");
  refused(R"("layer_types": ["full_attention", "full_attention", "full_attention"])",
          "layer_types");  // a llama has none
  refused(R"("norm": "nonparametric")", "norm");
  refused(R"("clip\u001b": true)", "clip\\x1b");
  refused(R"("rope_scaling": {"rope_type": "linear", "factor": 2, "ramp": 3})",
          "rope_scaling.ramp");
  refused(R"("rope_parameters": {"rope_type": "default", "long_factor": [1.5]})",
          "rope_parameters.long_factor");
}

TEST(ConfigJson, KeysThatChangeNothingArePassedOver) {
  EXPECT_EQ(parse(R"("attn_logit_softcapping": null, "use_mrope": false, "embd_pdrop": 0.1,
                     "attention_dropout": 0.5, "pretraining_tp": 2, "use_cache": true,
                     "id2label": {"0": "A"}, "transformers_version": "4.40.0", "_private": 7,
                     "new_kinds": [], "num_experts": 0, "temperature": 0.6)")
                .num_layers(),
            3);
  EXPECT_EQ(parse(R"("num_key_value_heads": 2, "use_sliding_window": false, "sliding_window": 4096,
                     "max_window_layers": 21, "layer_types": ["full_attention", "full_attention",
                     "full_attention"])",
                  "qwen2")
                .layers,
            parse(R"("num_key_value_heads": 2)", "qwen2").layers);
  EXPECT_EQ(rope(parse(R"("rope_scaling": {"type": "yarn", "rope_type": "yarn", "factor": 2.0,
                          "finetuned": true, "mrope_section": [1, 2, 3]})"))
                .factor,
            2.0);
}

TEST(ConfigJson, ValuesOutOfRangeAreInvalid) {
  for (
      const char* extra : {
          R"("num_hidden_layers": 0)",
          R"("num_hidden_layers": 1000000000)",
          R"("num_attention_heads": 0)",
          R"("num_attention_heads": -4)",
          R"("num_key_value_heads": 0)",
          R"("num_key_value_heads": 3)",
          R"("num_key_value_heads": 16)",
          R"("head_dim": 0)",
          R"("head_dim": 7)",
          R"("vocab_size": 0)",
          R"("vocab_size": 18446744073709551615)",
          R"("vocab_size": 1.5)",
          R"("vocab_size": "100")",
          R"("hidden_size": 9223372036854775807)",
          R"("max_position_embeddings": 0)",
          R"("max_position_embeddings": 1099511627776)",
          R"("rms_norm_eps": -1)",
          R"("rms_norm_eps": 1e400)",
          R"("rope_theta": 0)",
          R"("rope_theta": -10000)",
          R"("rope_theta": NaN)",
          R"("bos_token_id": 100)",
          R"("eos_token_id": [2, 100])",
          R"("eos_token_id": [-3])",
          R"("pad_token_id": 4000)",
          R"("rope_scaling": {"type": "linear"})",
          R"("rope_scaling": {"type": "linear", "factor": 0})",
          R"("rope_scaling": {"type": "linear", "factor": -2})",
          R"("rope_scaling": 7)",
          R"("rope_scaling": {"rope_type": "yarn", "factor": 2, "original_max_position_embeddings": 0})",
          R"("rope_scaling": {"rope_type": "yarn", "factor": 2}, "rope_theta": 1.0)",
          R"("rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4})",
      }) {
    // Later keys must not stand beside the earlier of the same name.
    std::string text = R"({"model_type": "llama", "vocab_size": 100, "hidden_size": 64,
        "intermediate_size": 172, "num_hidden_layers": 3, "num_attention_heads": 8})";
    const std::string key = std::string(extra).substr(0, std::string(extra).find(':'));
    if (const auto at = text.find(key + ":"); at != std::string::npos) {
      auto end = text.find(',', at);
      if (end == std::string::npos) end = text.find('}', at);
      text.replace(at, end - at, extra);
    } else {
      text.insert(text.size() - 1, std::string(", ") + extra);
    }
    const Error e = error_of([&] { config_from_json(text, "", "config.json"); });
    EXPECT_EQ(e.code(), ErrorCode::kInvalid) << text << "\n" << e.message();
  }
}

TEST(ConfigJson, MalformedTextIsInvalid) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"a\":1,\"a\":2}"),
        std::string("\xff"), std::string("{\"model_type\": 7}"), std::string("{}"),
        std::string(R"({"model_type": "llama"})"), std::string(R"({"architectures": "x"})"),
        std::string(100000, '['), "{\"a\":" + std::string(100000, '[')}) {
    const Error e = error_of([&] { config_from_json(text, "", "config.json"); });
    EXPECT_EQ(e.code(), ErrorCode::kInvalid) << text.substr(0, 50) << "\n" << e.message();
  }
}

void expect_equal(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(config_to_json(a, DType::kF32, ConfigUse::kLathe),
            config_to_json(b, DType::kF32, ConfigUse::kLathe));
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.eos_tokens, b.eos_tokens);
}

TEST(ConfigJson, WhatIsWrittenReadsBackTheSame) {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    ModelConfig c = test::small_config(family);
    c.eos_tokens = {2, 3};
    c.pad_token = 0;
    c.rms_norm_eps = 1.25e-6;
    c.tie_word_embeddings = true;
    test::each_layer(c, [&](LayerConfig& layer) {
      layer.mlp.activation = Activation::kGeluTanh;
      RopeConfig& r = layer.attention.rope;
      r.theta = 1234567.5;
      r.scaling = RopeScalingKind::kYarn;
      r.factor = 2.5;
      r.original_max_position = 40;
      r.attention_factor = 1.125;
      if (c.family != "llama") layer.attention.window = 7;
    });
    if (c.family == "qwen2") c.layers[0].attention.window = 0;
    const std::string text = config_to_json(c, DType::kBF16, ConfigUse::kHuggingFace);
    expect_equal(config_from_json(text, "", "config.json"), c);
  }
}

TEST(ConfigJson, WhatOnlyGgufCanSayGoesIntoTheNativeFileOnly) {
  ModelConfig c = test::small_config("llama");
  test::each_layer(c, [](LayerConfig& layer) {
    // Without a bias of the output: config.json has one switch for both.
    layer.attention.qkv_bias = true;
    layer.attention.rope.frequency_factors = {1.0f, 1.5f, 8.0f};
  });
  EXPECT_EQ(error_of([&] { config_to_json(c, DType::kF32, ConfigUse::kHuggingFace); }).code(),
            ErrorCode::kUnsupported);
  const std::string text = config_to_json(c, DType::kF32, ConfigUse::kLathe);
  expect_equal(config_from_json(text, "", "config.json"), c);
}

TEST(ConfigJson, LayersThatDifferInMoreThanTheirWindowHaveNoForm) {
  ModelConfig c = test::small_config("llama");
  c.layers[1].mlp.width = 48;
  const Error e = error_of([&] { config_to_json(c, DType::kF32, ConfigUse::kLathe); });
  EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
  EXPECT_NE(e.message().find("layers differ"), std::string::npos) << e.message();
}

}  // namespace
}  // namespace lathe
