#include "quant/scheme.h"

#include <gtest/gtest.h>

#include "checkpoint/model_tensors.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

TEST(Scheme, NamesComeBack) {
  for (const char* name :
       {"w8", "w8g32", "w4g32", "w4g64", "w4g128", "w4g64a", "w4g32d", "w4g32ad", "w8g16a",
        "w4nlg64", "w4nlg32d", "q8_0", "q4_0", "q4_1", "f32", "f16", "bf16", "keep"}) {
    const auto scheme = scheme_by_name(name);
    ASSERT_TRUE(scheme.has_value()) << name;
    EXPECT_EQ(scheme_name(*scheme), name);
  }
}

TEST(Scheme, RefusesWhatIsNone) {
  for (const char* name :
       {"", "w", "w4", "w5g32", "w4g", "w4g0", "w4g31", "w4g-32", "w4g32x", "w4g32da", "w8nlg32",
        "w4nl", "w4nlg64a", "w4g64nl", "w8d", "q4_k", "i8", "w4g99999999999"}) {
    EXPECT_FALSE(scheme_by_name(name).has_value()) << name;
  }
}

TEST(Scheme, BitsPerWeight) {
  const auto bits = [](const char* name) {
    return bits_per_weight(std::get<PackedScheme>(*scheme_by_name(name)));
  };
  EXPECT_DOUBLE_EQ(bits("w8"), 8.0);
  EXPECT_DOUBLE_EQ(bits("w4g64"), 4.25);
  EXPECT_DOUBLE_EQ(bits("w4g32"), 4.5);
  EXPECT_DOUBLE_EQ(bits("w4g32d"), 4.3125);
  EXPECT_DOUBLE_EQ(bits("w4g32ad"), 4.625);
}

TEST(Scheme, TheMixtureGivesMoreBitsWhereTheyPay) {
  const auto of = [](const char* tensor, std::int64_t rows, std::int64_t cols, bool tied = false) {
    return scheme_name(mixture_scheme(*tensor_by_name(tensor), rows, cols, tied));
  };
  EXPECT_EQ(of("model.embed_tokens.weight", 32000, 2048), "w4nlg16d");
  EXPECT_EQ(of("model.embed_tokens.weight", 32000, 2048, true), "w8");
  EXPECT_EQ(of("lm_head.weight", 32000, 2048), "w8");
  EXPECT_EQ(of("model.layers.0.self_attn.q_proj.weight", 2048, 2048), "w8");
  EXPECT_EQ(of("model.layers.0.self_attn.k_proj.weight", 256, 2048), "w8");
  EXPECT_EQ(of("model.layers.0.self_attn.v_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.0.self_attn.o_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.10.self_attn.q_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.3.self_attn.k_proj.weight", 256, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.3.self_attn.v_proj.weight", 256, 2048), "w8");
  EXPECT_EQ(of("model.layers.3.self_attn.v_proj.weight", 2048, 2048), "w4nlg32d");
  EXPECT_EQ(of("model.layers.0.mlp.gate_proj.weight", 5632, 2048), "w4nlg64");
  EXPECT_EQ(of("model.layers.3.mlp.down_proj.weight", 2048, 5632), "w4nlg32d");
}

}  // namespace
}  // namespace lathe
