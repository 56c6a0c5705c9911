#include "quant/scheme.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "checkpoint/model_tensors.h"
#include "quant/gguf_mixture.h"
#include "quant/mixture.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

TEST(Scheme, NamesComeBack) {
  for (const char* name :
       {"w2g16ad", "w2nlg32d", "w3nlg16d", "w3g32",   "w5g16d", "w8r",     "w8g32",
        "w8g32x",  "w8rx",     "w5g32",    "w6g16d",  "w6g64a", "w4g32",   "w4g64",
        "w4g128",  "w4g64a",   "w4g32d",   "w4g32ad", "w8g16a", "w4nlg64", "w4nlg32d",
        "q8_0",    "q4_0",     "q4_1",     "f32",     "f16",    "bf16",    "keep",
        "q2_k",    "q4_k",     "q6_k",     "iq4_xs",  "iq4_nl", "mxfp4",   "q5_1"}) {
    const auto scheme = scheme_by_name(name);
    ASSERT_TRUE(scheme.has_value()) << name;
    EXPECT_EQ(scheme_name(*scheme), name);
  }
}

TEST(Scheme, EachNameThatIsListedIsOne) {
  const std::vector<std::string> names = scheme_names();
  for (const std::string& name : names) {
    EXPECT_TRUE(is_mixture(name) || is_gguf_mixture(name) || scheme_by_name(name)) << name;
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
  for (const char* name : {"w4", "w8r", "w4nlg16d", "w8g128x", "w6g16ad", "q4_1", "keep"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
}

TEST(Scheme, RefusesWhatIsNone) {
  for (const char* name : {"",        "w",       "w4",      "w5",     "w8",
                           "w5r",     "w7g32",   "w6r",     "w4g32x", "w6g32x",
                           "w8g32ax", "w4g",     "w4g0",    "w4g31",  "w4g-32",
                           "w8x",     "w4g32da", "w8nlg32", "w4nl",   "w4nlg64a",
                           "w4g64nl", "w8d",     "q4_k_m",  "iq1_s",  "w4g99999999999"}) {
    EXPECT_FALSE(scheme_by_name(name).has_value()) << name;
  }
}

TEST(Scheme, BitsPerWeight) {
  const auto bits = [](const char* name) {
    return bits_per_weight(std::get<PackedScheme>(*scheme_by_name(name)));
  };
  EXPECT_DOUBLE_EQ(bits("w8r"), 8.0);
  EXPECT_DOUBLE_EQ(bits("w4g64"), 4.25);
  EXPECT_DOUBLE_EQ(bits("w4g32"), 4.5);
  EXPECT_DOUBLE_EQ(bits("w4g32d"), 4.3125);
  EXPECT_DOUBLE_EQ(bits("w4g32ad"), 4.625);
  EXPECT_DOUBLE_EQ(bits("w5g32d"), 5.3125);
  EXPECT_DOUBLE_EQ(bits("w6g64"), 6.25);
  EXPECT_DOUBLE_EQ(bits("w8g32x"), 8.5);
  EXPECT_DOUBLE_EQ(bits("w3nlg32d"), 3.3125);
  EXPECT_DOUBLE_EQ(bits("w2nlg16d"), 2.5625);
  EXPECT_DOUBLE_EQ(
      bits_per_weight({.bits = 4, .group = 128, .form = ScaleForm::kZeroPoint, .minimums = true}),
      4.1875);
}

TEST(Scheme, TheMixtureGivesMoreBitsWhereTheyPay) {
  const auto of = [](const char* tensor, std::int64_t rows, std::int64_t cols, bool tied = false) {
    return scheme_name(mixture_scheme("w4", *tensor_by_name(tensor), rows, cols, tied));
  };
  EXPECT_EQ(of("model.embed_tokens.weight", 32000, 2048), "w4nlg16d");
  EXPECT_EQ(of("model.embed_tokens.weight", 32000, 2048, true), "w6g32d");
  EXPECT_EQ(of("lm_head.weight", 32000, 2048), "w6g32d");
  EXPECT_EQ(of("model.layers.0.self_attn.q_proj.weight", 2048, 2048), "w8r");
  EXPECT_EQ(of("model.layers.0.self_attn.k_proj.weight", 256, 2048), "w8r");
  EXPECT_EQ(of("model.layers.0.self_attn.v_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.0.self_attn.o_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.10.self_attn.q_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.3.self_attn.k_proj.weight", 256, 2048), "w5g32d");
  EXPECT_EQ(of("model.layers.3.self_attn.k_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.3.self_attn.v_proj.weight", 256, 2048), "w6g32d");
  EXPECT_EQ(of("model.layers.3.self_attn.v_proj.weight", 1024, 2048), "w6g32d");
  EXPECT_EQ(of("model.layers.3.self_attn.v_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.0.mlp.gate_proj.weight", 5632, 2048), "w4nlg64");
  EXPECT_EQ(of("model.layers.3.mlp.down_proj.weight", 2048, 5632), "w4nlg32d");
  EXPECT_EQ(of("model.layers.3.mlp.shared_expert.gate_proj.weight", 5632, 2048), "w4nlg64");
  EXPECT_EQ(of("model.layers.3.mlp.shared_expert.down_proj.weight", 2048, 5632), "w4nlg32d");
}

TEST(Scheme, MixturesOfGgufGiveMoreBitsInTheLayersThatTheirNamesStandFor) {
  const auto of = [](const char* mixture, const std::string& tensor, bool tied = false) {
    TensorInfo info;
    info.id = *tensor_by_name(tensor);
    info.shape = {512, 2048};
    return scheme_name(gguf_mixture_type(mixture, info, {.layers = 24, .tied = tied}));
  };
  const auto layer = [&](const char* mixture, int number, const std::string& matrix) {
    return of(mixture, "model.layers." + std::to_string(number) + "." + matrix + ".weight");
  };
  for (const int i : {0, 1, 2, 5, 8, 20, 21, 22, 23}) {
    EXPECT_EQ(layer("Q4_K_M", i, "mlp.down_proj"), "q6_k") << i;
    EXPECT_EQ(layer("q5_k_m", i, "self_attn.v_proj"), "q6_k") << i;
  }
  for (const int i : {3, 4, 6, 7, 9, 18, 19}) {
    EXPECT_EQ(layer("q4_k_m", i, "mlp.down_proj"), "q4_k") << i;
    EXPECT_EQ(layer("q5_k_m", i, "self_attn.v_proj"), "q5_k") << i;
  }
  EXPECT_EQ(layer("q4_k_m", 0, "mlp.up_proj"), "q4_k");
  EXPECT_EQ(of("q4_k_m", "lm_head.weight"), "q6_k");
  EXPECT_EQ(of("q4_k_m", "model.embed_tokens.weight"), "q4_k");
  EXPECT_EQ(of("q4_k_m", "model.embed_tokens.weight", true), "q6_k");
  EXPECT_EQ(layer("q3_k_m", 0, "mlp.down_proj"), "q5_k");
  EXPECT_EQ(layer("q3_k_m", 1, "mlp.down_proj"), "q4_k");
  EXPECT_EQ(layer("q3_k_m", 1, "self_attn.v_proj"), "q5_k");
  EXPECT_EQ(layer("q2_k", 5, "self_attn.v_proj"), "q4_k");  // of grouped heads
  EXPECT_EQ(layer("q2_k", 5, "self_attn.q_proj"), "q2_k");
  EXPECT_EQ(layer("iq4_xs", 5, "mlp.down_proj"), "iq4_xs");
  EXPECT_EQ(layer("mxfp4_moe", 5, "mlp.experts.3.up_proj"), "mxfp4");
  EXPECT_EQ(layer("mxfp4_moe", 5, "self_attn.q_proj"), "q8_0");
}

TEST(Scheme, EveryMixtureHasAPlaceForEachMatrix) {
  const auto of = [](const char* mixture, const char* tensor, std::int64_t rows,
                     std::int64_t cols) {
    EXPECT_TRUE(is_mixture(mixture));
    EXPECT_FALSE(scheme_by_name(mixture).has_value());
    return scheme_name(mixture_scheme(mixture, *tensor_by_name(tensor), rows, cols, false));
  };
  EXPECT_EQ(of("w5", "model.layers.3.mlp.gate_proj.weight", 5632, 2048), "w5g32d");
  EXPECT_EQ(of("w5", "model.layers.3.self_attn.v_proj.weight", 256, 2048), "w8g32");
  EXPECT_EQ(of("w5", "lm_head.weight", 32000, 2048), "w6g32d");
  EXPECT_EQ(of("w6", "model.layers.3.self_attn.k_proj.weight", 256, 2048), "w8g32");
  EXPECT_EQ(of("w3", "model.layers.3.self_attn.k_proj.weight", 256, 2048), "w4nlg32d");
  EXPECT_EQ(of("w2", "model.layers.3.self_attn.k_proj.weight", 256, 2048), "w3nlg16d");
  EXPECT_EQ(of("w6", "model.layers.3.mlp.down_proj.weight", 2048, 5632), "w6g32d");
  EXPECT_EQ(of("w8", "model.layers.3.mlp.down_proj.weight", 2048, 5632), "w8g16dx");
  EXPECT_EQ(of("w8", "model.layers.3.mlp.gate_proj.weight", 5632, 2048), "w8g16dx");
  EXPECT_EQ(of("w8", "model.embed_tokens.weight", 32000, 2048), "w8g16dx");
  EXPECT_EQ(of("w3", "model.layers.3.mlp.gate_proj.weight", 5632, 2048), "w3nlg32d");
  EXPECT_EQ(of("w2", "model.layers.3.mlp.gate_proj.weight", 5632, 2048), "w2nlg16d");
  EXPECT_FALSE(is_mixture("w8g32"));
}

}  // namespace
}  // namespace lathe
