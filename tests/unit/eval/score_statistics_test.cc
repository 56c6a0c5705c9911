#include "eval/score_statistics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "eval/log_softmax.h"

namespace lathe {
namespace {

TEST(ScoreStatistics, PerplexityOfFourScoresByHand) {
  // Probabilities 1/2, 1/4, 1/8, 1/8: mean NLL = (1+2+3+3)/4 · ln 2 = 2.25 ln 2.
  std::vector<TokenScore> scores(4);
  const double p[] = {0.5, 0.25, 0.125, 0.125};
  for (std::size_t i = 0; i < 4; ++i) scores[i].logprob = std::log(p[i]);
  const PerplexityFigures f = perplexity_figures(scores, false);
  EXPECT_NEAR(f.perplexity, std::pow(2.0, 2.25), 1e-12);
  // Variance over n of {1,2,3,3}: 0.6875; error of the mean sqrt(0.6875 / 3) · ln 2.
  ASSERT_TRUE(f.error);
  EXPECT_NEAR(*f.error, f.perplexity * std::sqrt(0.6875 / 3) * std::log(2.0), 1e-12);
}

TEST(ScoreStatistics, OneScoreHasNoStandardError) {
  std::vector<TokenScore> scores(1);
  scores[0].logprob = -1.0;
  EXPECT_FALSE(perplexity_figures(scores, false).error);
  const DivergenceFigures f = divergence_figures(scores);
  EXPECT_FALSE(f.base.error || f.ln_ratio_error || f.kl->error || f.same_top_error);
}

TEST(ScoreStatistics, PercentilesInterpolate) {
  std::vector<TokenScore> scores(5);
  for (std::size_t i = 0; i < 5; ++i) {
    scores[i].kl = static_cast<double>(4 - i);  // 4, 3, 2, 1, 0
    scores[i].same_top = i < 3;
    scores[i].logprob = std::log(0.5);
    scores[i].base_logprob = std::log(0.25);
  }
  const DivergenceFigures f = divergence_figures(scores);
  EXPECT_DOUBLE_EQ(f.kl->min, 0.0);
  EXPECT_DOUBLE_EQ(f.kl->median, 2.0);
  EXPECT_DOUBLE_EQ(f.kl->p90, 3.6);
  EXPECT_DOUBLE_EQ(f.kl->max, 4.0);
  EXPECT_DOUBLE_EQ(f.kl->mean, 2.0);
  EXPECT_DOUBLE_EQ(*f.same_top, 0.6);
  EXPECT_NEAR(f.rms_delta_p, 0.25, 1e-12);
  EXPECT_NEAR(f.ln_ratio, -std::log(2.0), 1e-12);
}

TEST(LogSoftmax, DivergenceOfTwoKnownDistributions) {
  // base (1/2, 1/2), model (1/4, 3/4): ½ ln 2 + ½ ln(2/3); shifts of the logits change nothing.
  const std::vector<float> base = {7.0f, 7.0f};
  const std::vector<float> model = {100.0f, 100.0f + std::log(3.0f)};
  const double kl = kl_divergence(base, libm_log_sum_exp(base), model, libm_log_sum_exp(model));
  EXPECT_NEAR(kl, 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0), 1e-6);
  EXPECT_EQ(kl_divergence(base, libm_log_sum_exp(base), base, libm_log_sum_exp(base)), 0.0);
}

}  // namespace
}  // namespace lathe
