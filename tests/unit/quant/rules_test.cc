#include "quant/rules.h"

#include <gtest/gtest.h>

#include "lathe/error.h"

#include "checkpoint/model_tensors.h"

namespace lathe {
namespace {

TensorInfo matrix(const std::string& name) {
  TensorInfo info;
  info.name = name;
  info.shape = {512, 256};
  info.id = tensor_by_name(name).value();
  return info;
}

std::vector<TensorInfo> model(bool tied) {
  std::vector<TensorInfo> tensors = {matrix("model.embed_tokens.weight"),
                                     matrix("model.layers.1.self_attn.q_proj.weight")};
  if (!tied) tensors.push_back(matrix("lm_head.weight"));
  return tensors;
}

std::string scheme_of(const SchemeRules& rules, const TensorInfo& tensor) {
  return scheme_name(rules.scheme_for(tensor, CheckpointFormat::kLathe));
}

TEST(SchemeRules, AnEmbeddingThatIsTheOutputTooHasItsBits) {
  for (const bool tied : {false, true}) {
    const auto tensors = model(tied);
    const SchemeRules rules(QuantizeOptions{}, tensors);
    EXPECT_EQ(scheme_of(rules, tensors[0]), tied ? "w6g32d" : "w4nlg16d");
    EXPECT_EQ(scheme_of(rules, tensors[1]), "w4nlg32d");
    if (!tied) {
      EXPECT_EQ(scheme_of(rules, tensors[2]), "w6g32d");
    }
  }
}

TEST(SchemeRules, ANameOfAMixtureAndATypeIsTheTypeInARule) {
  const auto tensors = model(true);
  QuantizeOptions options;
  options.scheme = "q2_k";
  options.rules = {{"q_proj", "q2_k"}};
  const SchemeRules rules(options, tensors);
  EXPECT_EQ(scheme_of(rules, tensors[0]), "q6_k");
  EXPECT_EQ(scheme_of(rules, tensors[1]), "q2_k");
}

TEST(SchemeRules, TheLastRuleThatMatchesWins) {
  const auto tensors = model(false);
  QuantizeOptions options;
  options.rules = {{"embed|q_proj", "w4g64"}, {"q_proj", "w8g32"}};
  const SchemeRules rules(options, tensors);
  EXPECT_EQ(scheme_of(rules, tensors[0]), "w4g64");
  EXPECT_EQ(scheme_of(rules, tensors[1]), "w8g32");
  EXPECT_EQ(scheme_of(rules, tensors[2]), "w6g32d");
}

TEST(SchemeRules, RefusesARuleThatDoesNothing) {
  const auto tensors = model(true);
  QuantizeOptions options;
  options.rules = {{"lm_head", "w8"}};
  try {
    SchemeRules rules(options, tensors);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace lathe
