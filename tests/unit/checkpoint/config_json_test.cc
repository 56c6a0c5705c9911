#include "checkpoint/config_json.h"

#include <cmath>
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
  unsupported(R"({"model_type": "gpt_neox"})", "gpt_neox");
  unsupported(R"({"architectures": ["MambaForCausalLM"]})", "MambaForCausalLM");
  unsupported(R"({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]})",
              "LlamaForSequenceClassification");
  unsupported(R"({"model_type": "llama", "quantization_config": {"quant_method": "exl3"}})",
              "exl3");
  const auto refused = [](const std::string& extra, const std::string& name) {
    const Error e = error_of([&] { parse(extra); });
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.message();
    EXPECT_NE(e.message().find(name), std::string::npos) << e.message();
  };
  refused(R"("rope_scaling": {"rope_type": "dynamic", "factor": 2})", "dynamic");
  refused(R"("rope_scaling": {"type": "proportional"})", "proportional");
  refused(R"("partial_rotary_factor": 0.5)", "partial_rotary_factor");
  refused(R"("hidden_act": "relu")", "relu");
}

// As Gemma 3 is published from 4B up: what the text's class takes for granted is not said.
constexpr const char* kWrapped = R"({"architectures": ["Gemma3ForConditionalGeneration"],
    "model_type": "gemma3", "eos_token_id": [1, 106], "image_token_index": 262144,
    "mm_tokens_per_image": 256, "vision_config": {"hidden_size": 1152},
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
      "num_hidden_layers": 34, "sliding_window": 1024,
      "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}})";

TEST(ConfigJson, TheTextOfAWrapperIsTakenOut) {
  const ModelConfig c = config_from_json(kWrapped, "", "config.json");
  EXPECT_EQ(c.family, "gemma3_text");
  EXPECT_EQ(c.vocab_size, 262208);
  EXPECT_EQ(c.eos_tokens, (std::vector<std::int64_t>{1, 106}));
  EXPECT_TRUE(c.tie_word_embeddings);
  EXPECT_DOUBLE_EQ(c.embedding_scale, std::sqrt(2560.0));
  EXPECT_EQ(attention(c).heads, 8);
  EXPECT_EQ(attention(c).head_dim, 256);
  EXPECT_EQ(c.layer(0).mlp.activation, Activation::kGeluTanh);
  EXPECT_EQ(c.layer(0).norms, NormPlace::kAround);
  for (std::int64_t layer = 0; layer < 34; ++layer) {
    const bool full = layer % 6 == 5;
    const RopeConfig& r = c.layer(layer).attention.rope;
    EXPECT_EQ(window(c, layer), full ? 0 : 1024);
    EXPECT_EQ(r.theta, full ? 1e6 : 1e4);
    EXPECT_EQ(r.scaling, full ? RopeScalingKind::kLinear : RopeScalingKind::kNone);
  }
}

TEST(ConfigJson, AKeyOfAWrapperThatIsNotUnderstoodIsRefusedByName) {
  std::string text = kWrapped;
  const std::string known = "mm_tokens_per_image";
  text.replace(text.find(known), known.size(), "xx_tokens");
  const Error e = error_of([&] { config_from_json(text, "", "config.json"); });
  EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
  EXPECT_NE(e.message().find("xx_tokens"), std::string::npos) << e.message();
  EXPECT_EQ(error_of([] { config_from_json(R"({"text_config": 3})", "", "config.json"); }).code(),
            ErrorCode::kInvalid);
}

TEST(ConfigJson, SoftCapsOfGemma2AreThereUnlessTheyAreNull) {
  const ModelConfig c = parse(R"("head_dim": 8)", "gemma2");
  EXPECT_EQ(attention(c).soft_cap, 50.0);
  EXPECT_EQ(c.logit_soft_cap, 30.0);
  EXPECT_DOUBLE_EQ(attention(c).scale, 1.0 / 16.0);
  EXPECT_EQ(window(c, 0), 4096);
  EXPECT_EQ(window(c, 1), 0);
  const ModelConfig none =
      parse(R"("attn_logit_softcapping": null, "final_logit_softcapping": null)", "gemma2");
  EXPECT_EQ(attention(none).soft_cap, 0.0);
  EXPECT_EQ(none.logit_soft_cap, 0.0);
}

// Of families whose tokens for the ends are beyond parse()'s vocabulary.
constexpr const char* kSmallTokens = R"("bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, )";

TEST(ConfigJson, LayersThatDoNotTurnAreListedOrFollowFromAnInterval) {
  const ModelConfig listed =
      parse(kSmallTokens + std::string(R"("no_rope_layers": [0, 1, 1])"), "smollm3");
  EXPECT_EQ(attention(listed).rotary_dims, 0);
  EXPECT_EQ(listed.layer(1).attention.rotary_dims, 8);
  const ModelConfig counted =
      parse(kSmallTokens + std::string(R"("no_rope_layer_interval": 2)"), "smollm3");
  EXPECT_EQ(counted.layer(0).attention.rotary_dims, 8);
  EXPECT_EQ(counted.layer(1).attention.rotary_dims, 0);
  for (const char* wrong : {R"("no_rope_layers": [1, 1])", R"("no_rope_layers": [1, 2, 1])",
                            R"("no_rope_layers": 1)", R"("no_rope_layer_interval": 0)"}) {
    EXPECT_EQ(error_of([&] { parse(kSmallTokens + std::string(wrong), "smollm3"); }).code(),
              ErrorCode::kInvalid)
        << wrong;
  }
}

TEST(ConfigJson, LongRopeTakesItsFactorFromTheLengths) {
  const std::string scaling =
      kSmallTokens + std::string(R"("max_position_embeddings": 400, "partial_rotary_factor": 0.5,
      "original_max_position_embeddings": 100, "rope_scaling": {"type": "su",
      "short_factor": [1, 1.5], "long_factor": [2, 4.5]})");
  const ModelConfig c = parse(scaling, "phi3");
  EXPECT_EQ(attention(c).rotary_dims, 4);
  EXPECT_EQ(rope(c).scaling, RopeScalingKind::kLongRope);
  EXPECT_EQ(rope(c).factor, 4.0);
  EXPECT_EQ(rope(c).original_max_position, 100);
  EXPECT_EQ(rope(c).frequency_factors, (std::vector<float>{1.0f, 1.5f}));
  EXPECT_EQ(rope(c).long_factors, (std::vector<float>{2.0f, 4.5f}));
  EXPECT_EQ(window(c, 0), 0);
  for (const auto& [from, to] :
       {std::pair("[2, 4.5]", "[2]"), {"[2, 4.5]", "[2, 0]"}, {"[1, 1.5]", "3"}, {"0.5", "1.5"}}) {
    std::string wrong = scaling;
    wrong.replace(wrong.find(from), std::string(from).size(), to);
    EXPECT_EQ(error_of([&] { parse(wrong, "phi3"); }).code(), ErrorCode::kInvalid) << wrong;
  }
}

TEST(ConfigJson, MultipliersOfGraniteAreOneWhereTheyAreAbsent) {
  const ModelConfig c = parse(R"("embedding_multiplier": 12, "logits_scaling": 8.0)", "granite");
  EXPECT_EQ(c.embedding_scale, 12.0);
  EXPECT_EQ(c.residual_scale, 1.0);
  EXPECT_EQ(c.logit_scale, 0.125);
  EXPECT_EQ(attention(c).scale, 1.0);
  EXPECT_EQ(error_of([] { parse(R"("logits_scaling": 0)", "granite"); }).code(),
            ErrorCode::kInvalid);
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
