// What families say in keys of their own: meaning, and what is refused.
#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "checkpoint/config_json.h"
#include "checkpoint/split_experts.h"
#include "container/safetensors_reader.h"
#include "support/checkpoint_fixtures.h"
#include "support/paths.h"

namespace lathe {
namespace {

using test::error_of;

constexpr const char* kSizes =
    R"("vocab_size": 100, "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 4,
       "num_attention_heads": 8, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2,
       "pad_token_id": 0)";

ModelConfig parse(const std::string& type, const std::string& extra) {
  const std::string text =
      R"({"model_type": ")" + type + R"(", )" + kSizes + (extra.empty() ? "" : ", " + extra) + "}";
  return config_from_json(text, "", "config.json");
}

ErrorCode refusal(const std::string& type, const std::string& extra) {
  return error_of([&] { parse(type, extra); }).code();
}

const AttentionConfig& attention(const ModelConfig& c, std::int64_t layer = 0) {
  return c.layer(layer).attention;
}

TEST(Families, Olmo3ScalesTheRotationOfFullLayersOnly) {
  const ModelConfig c = parse("olmo3", R"("rope_theta": 1000.0, "sliding_window": 16,
      "rope_scaling": {"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 64})");
  EXPECT_EQ(attention(c, 0).window, 16);
  EXPECT_EQ(attention(c, 0).rope.scaling, RopeScalingKind::kNone);
  EXPECT_EQ(attention(c, 0).rope.theta, 1000.0);
  EXPECT_EQ(attention(c, 3).window, 0);
  EXPECT_EQ(attention(c, 3).rope.scaling, RopeScalingKind::kYarn);
  EXPECT_EQ(attention(c, 3).rope.theta, 1000.0);
}

constexpr const char* kWarm = R"("rope_parameters": {"rope_type": "yarn", "rope_theta": 1e6,
    "factor": 16, "original_max_position_embeddings": 64, "mscale": 1.0, "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": BETA})";

std::string warm(const std::string& beta) {
  std::string text = kWarm;
  return text.replace(text.find("BETA"), 4, beta);
}

TEST(Families, Ministral3WarmsQueriesByTheOriginalLength) {
  const ModelConfig c = parse("ministral3", warm("0.1"));
  EXPECT_EQ(attention(c).temperature, 0.1);
  EXPECT_EQ(attention(c).temperature_span, 64);
  EXPECT_EQ(attention(c).rope.attention_factor, 1.0);
  EXPECT_EQ(attention(parse("ministral3", warm("0"))).temperature, 0.0);
  for (const char* wrong : {"-1", "1e9", "\"0.1\"", "[0.1]", "true"}) {
    EXPECT_EQ(refusal("ministral3", warm(wrong)), ErrorCode::kInvalid) << wrong;
  }
  EXPECT_EQ(refusal("ministral3", ""), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("mistral", warm("0.1")), ErrorCode::kUnsupported);
}

TEST(Families, Exaone4TurnsOnlyLayersWithAWindowWhereThereAreSuch) {
  const ModelConfig c = parse("exaone4", R"("sliding_window": 16)");
  EXPECT_EQ(attention(c, 2).rotary_dims, 8);
  EXPECT_EQ(attention(c, 3).rotary_dims, 0);
  EXPECT_EQ(attention(c, 3).window, 0);
  const ModelConfig full = parse("exaone4", R"("sliding_window": null)");
  EXPECT_EQ(attention(full, 3).rotary_dims, 8);
  const ModelConfig letters =
      parse("exaone4", R"("sliding_window": 16, "sliding_window_pattern": "LG")");
  EXPECT_EQ(attention(letters, 0).window, 16);
  EXPECT_EQ(attention(letters, 1).window, 0);
  EXPECT_EQ(attention(letters, 2).window, 16);
  for (const char* wrong : {"\"\"", "\"LX\"", "-1", "1.5", "{}"}) {
    EXPECT_EQ(refusal("exaone4", std::string(R"("sliding_window_pattern": )") + wrong),
              ErrorCode::kInvalid)
        << wrong;
  }
}

TEST(Families, HunyuanStretchesThetaByAlpha) {
  const ModelConfig c = parse("hunyuan_v1_dense", R"("rope_theta": 10000.0, "head_dim": 128,
      "use_qk_norm": true, "rope_scaling": {"type": "dynamic", "alpha": 1000.0, "factor": 1.0})");
  EXPECT_NEAR(attention(c).rope.theta, 11158839.9251, 2.0);
  EXPECT_EQ(attention(c).rope.scaling, RopeScalingKind::kNone);
  EXPECT_TRUE(attention(c).norm_turned);
  const auto scaled = [](const std::string& alpha) {
    return R"("rope_scaling": {"type": "dynamic", "factor": 1.0)" + alpha + "}";
  };
  EXPECT_EQ(refusal("hunyuan_v1_dense", scaled("")), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("hunyuan_v1_dense", scaled(R"(, "alpha": -3)")), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("hunyuan_v1_dense", scaled(R"(, "alpha": "x")")), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("hunyuan_v1_dense", R"("use_qk_norm": false)"), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("hunyuan_v1_dense", R"("use_cla": true)"), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("llama", scaled(R"(, "alpha": 2)")), ErrorCode::kUnsupported);
}

TEST(Families, MiniCpmScalesByItsDepthAndBase) {
  const ModelConfig c =
      parse("minicpm", R"("scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16)");
  EXPECT_EQ(c.embedding_scale, 12.0);
  EXPECT_DOUBLE_EQ(c.residual_scale, 0.7);
  EXPECT_EQ(c.logit_scale, 0.25);
  for (const char* wrong : {R"("scale_emb": 0)", R"("scale_emb": "12")", R"("scale_depth": -1)",
                            R"("dim_model_base": 0)", R"("dim_model_base": [16])"}) {
    EXPECT_EQ(refusal("minicpm", wrong), ErrorCode::kInvalid) << wrong;
  }
}

TEST(Families, Glm4TurnsHalfOfAHead) {
  const ModelConfig c = parse("glm4", R"("head_dim": 16)");
  EXPECT_EQ(attention(c).rotary_dims, 8);
  EXPECT_TRUE(attention(c).qkv_bias);
  EXPECT_FALSE(attention(c).output_bias);
  EXPECT_FALSE(attention(parse("glm4", R"("attention_bias": false)")).qkv_bias);
  EXPECT_EQ(refusal("glm4", R"("partial_rotary_factor": 2)"), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("glm4", R"("partial_rotary_factor": "half")"), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("glm4", R"("attention_bias": 1)"), ErrorCode::kInvalid);
}

TEST(Families, EachBiasHasItsKey) {
  const ModelConfig seed = parse("seed_oss", R"("attention_out_bias": true)");
  EXPECT_TRUE(attention(seed).qkv_bias);
  EXPECT_TRUE(attention(seed).output_bias);
  EXPECT_FALSE(seed.layer(0).mlp.bias);
  const ModelConfig ernie = parse("ernie4_5", R"("use_bias": true)");
  EXPECT_TRUE(attention(ernie).qkv_bias);
  EXPECT_TRUE(attention(ernie).output_bias);
  EXPECT_TRUE(ernie.layer(0).mlp.bias);
  EXPECT_EQ(refusal("ernie4_5", R"("use_bias": "no")"), ErrorCode::kInvalid);
  EXPECT_EQ(refusal("seed_oss", R"("attention_out_bias": 0.5)"), ErrorCode::kInvalid);
}

TEST(Families, ArceeHasNoGate) {
  const ModelConfig c = parse("arcee", "");
  EXPECT_FALSE(c.layer(0).mlp.gated);
  EXPECT_EQ(c.layer(0).mlp.activation, Activation::kRelu2);
  EXPECT_EQ(refusal("arcee", R"("hidden_act": "tanh")"), ErrorCode::kUnsupported);
}

// Sizes of a mixture, with "KEY" for another one.
std::string experts(const std::string& extra = "") {
  return R"("moe_intermediate_size": 24, "num_experts": 8, "num_experts_per_tok": 2,
            "head_dim": 8)" +
         (extra.empty() ? "" : ", " + extra);
}

TEST(Families, QwensExpertsStandWhereTheStepAndTheListSay) {
  const ModelConfig c = parse("qwen3_moe", experts(R"("mlp_only_layers": [2])"));
  EXPECT_EQ(c.layer(0).experts.count, 8);
  EXPECT_EQ(c.layer(0).experts.used, 2);
  EXPECT_FALSE(c.layer(0).experts.normalized);
  EXPECT_EQ(c.layer(0).mlp.width, 24);
  EXPECT_EQ(c.layer(2).experts.count, 0);
  EXPECT_EQ(c.layer(2).mlp.width, 172);
  const ModelConfig stepped = parse("qwen3_moe", experts(R"("decoder_sparse_step": 2)"));
  EXPECT_EQ(stepped.layer(0).experts.count, 0);
  EXPECT_EQ(stepped.layer(1).experts.count, 8);
  const ModelConfig shared =
      parse("qwen2_moe", experts(R"("shared_expert_intermediate_size": 40)"));
  EXPECT_EQ(shared.layer(0).experts.shared_width, 40);
  EXPECT_TRUE(shared.layer(0).experts.shared_gated);
}

TEST(Families, ExpertsOutOfRangeAreInvalid) {
  const std::string sizes = R"("moe_intermediate_size": WIDTH, "num_experts": COUNT,
      "num_experts_per_tok": USED, "head_dim": 8)";
  const auto with = [&](const char* width, const char* count, const char* used) {
    std::string text = sizes;
    text.replace(text.find("WIDTH"), 5, width);
    text.replace(text.find("COUNT"), 5, count);
    return text.replace(text.find("USED"), 4, used);
  };
  EXPECT_EQ(parse("qwen3_moe", with("24", "8", "8")).layer(0).experts.used, 8);
  for (const auto& [width, count, used] :
       std::vector<std::array<const char*, 3>>{{"24", "0", "1"},
                                               {"24", "8", "0"},
                                               {"24", "8", "9"},
                                               {"24", "-8", "1"},
                                               {"24", "1000000", "1"},
                                               {"0", "8", "2"},
                                               {"24", "\"8\"", "2"},
                                               {"24", "8.5", "2"},
                                               {"24", "8", "[]"},
                                               {"24", "[8, \"x\"]", "2"},
                                               {"1e30", "8", "2"}}) {
    EXPECT_EQ(refusal("qwen3_moe", with(width, count, used)), ErrorCode::kInvalid)
        << width << " " << count << " " << used;
  }
  EXPECT_EQ(refusal("qwen3_moe", with("24", "[8, 4]", "2")), ErrorCode::kUnsupported);
  for (const char* wrong :
       {R"("mlp_only_layers": [4])", R"("mlp_only_layers": [-1])", R"("mlp_only_layers": 2)",
        R"("decoder_sparse_step": 0)", R"("norm_topk_prob": 1)"}) {
    EXPECT_EQ(refusal("qwen3_moe", experts(wrong)), ErrorCode::kInvalid) << wrong;
  }
  EXPECT_EQ(refusal("qwen2_moe", experts(R"("shared_expert_intermediate_size": -1)")),
            ErrorCode::kInvalid);
  EXPECT_EQ(refusal("qwen3_moe", experts(R"("n_group": 2)")), ErrorCode::kUnsupported);
  EXPECT_EQ(refusal("olmoe", R"("clip_qkv": 8.0)"), ErrorCode::kUnsupported);
  EXPECT_EQ(
      refusal("hunyuan_v1_moe", R"("num_experts": 4, "moe_topk": 2, "use_mixed_mlp_moe": false)"),
      ErrorCode::kUnsupported);
}

TEST(Families, ErniesExpertsBeginAtALayer) {
  const std::string sizes = R"("moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 12)";
  const ModelConfig c = parse("ernie4_5_moe", sizes + R"(, "moe_num_shared_experts": 3)");
  EXPECT_EQ(c.layer(0).experts.count, 0);
  EXPECT_EQ(c.layer(1).experts.count, 4);
  EXPECT_TRUE(c.layer(1).experts.selection_bias);
  EXPECT_EQ(c.layer(1).experts.shared_width, 36);
  EXPECT_EQ(parse("ernie4_5_moe", sizes + R"(, "moe_layer_end_index": 2)").layer(3).experts.count,
            0);
  for (const char* wrong :
       {R"(, "moe_layer_interval": 0)", R"(, "moe_layer_start_index": -1)",
        R"(, "moe_num_shared_experts": -1)", R"(, "moe_num_shared_experts": 1000000)"}) {
    EXPECT_EQ(refusal("ernie4_5_moe", sizes + wrong), ErrorCode::kInvalid) << wrong;
  }
  // Three times so much is no number of 64 bits.
  EXPECT_EQ(
      refusal("ernie4_5_moe", R"("moe_num_experts": 4, "moe_k": 2, "moe_num_shared_experts": 3,
      "moe_intermediate_size": 4611686018427387904)"),
      ErrorCode::kInvalid);
}

TEST(Families, GptOssHasSinksAndBiases) {
  const std::string sizes = R"("num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8)";
  const ModelConfig c = parse("gpt_oss", sizes + R"(, "swiglu_limit": 7.0,
      "quantization_config": {"quant_method": "mxfp4"})");
  EXPECT_TRUE(attention(c).sinks);
  EXPECT_TRUE(attention(c).qkv_bias);
  EXPECT_TRUE(attention(c).output_bias);
  EXPECT_TRUE(c.layer(0).mlp.bias);
  EXPECT_TRUE(c.layer(0).experts.router_bias);
  EXPECT_EQ(c.layer(0).mlp.activation, Activation::kClampedSwiglu);
  EXPECT_EQ(attention(c, 0).window, 128);
  EXPECT_EQ(attention(c, 1).window, 0);
  for (const char* other : {R"(, "swiglu_limit": 10.0)", R"(, "hidden_act": "gelu")",
                            R"(, "quantization_config": {"quant_method": "exl3"})"}) {
    EXPECT_EQ(refusal("gpt_oss", sizes + other), ErrorCode::kUnsupported) << other;
  }
}

// The folder's tensors, of which some are other ones.
Error changed_experts(const std::function<void(std::vector<FoundTensor>&)>& change) {
  return error_of([&] {
    const std::string folder = testdata("golden/models/gpt-oss");
    const auto file = SafetensorsReader::open(folder + "/model.safetensors");
    auto found = list_tensors(*file);
    change(found);
    split_experts(*file, Checkpoint::open(folder)->config(), found);
  });
}

TEST(Families, ExpertsOfGptOssOfAnotherShapeOrTypeAreNamed) {
  const auto with = [](const char* end, auto&& change) {
    return changed_experts([&](std::vector<FoundTensor>& found) {
      for (FoundTensor& tensor : found) {
        if (tensor.name.ends_with(end)) change(tensor);
      }
    });
  };
  for (const char* end : {"gate_up_proj_blocks", "gate_up_proj_scales", "down_proj_blocks",
                          "down_proj_bias", "gate_up_proj_bias"}) {
    const Error wide = with(end, [](FoundTensor& t) { ++t.shape[1]; });
    EXPECT_EQ(wide.code(), ErrorCode::kInvalid) << end;
    EXPECT_NE(wide.message().find(end), std::string::npos) << wide.message();
    const Error few = with(end, [](FoundTensor& t) { --t.shape[0]; });
    EXPECT_EQ(few.code(), ErrorCode::kInvalid) << end;
    const Error typed = with(end, [](FoundTensor& t) { t.dtype = DType::kI32; });
    EXPECT_EQ(typed.code(), ErrorCode::kInvalid) << end;
  }
  const Error half = with("_scales", [](FoundTensor& t) { t.name += "x"; });
  EXPECT_EQ(half.code(), ErrorCode::kInvalid);
  EXPECT_NE(half.message().find("_scales"), std::string::npos) << half.message();
}

}  // namespace
}  // namespace lathe
