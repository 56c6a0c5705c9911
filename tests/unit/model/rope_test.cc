#include "model/rope.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

// Expected values: Hugging Face transformers 5.23, ROPE_INIT_FUNCTIONS, float32.

TEST(Rope, PlainFrequenciesArePowersOfTheta) {
  RopeConfig config;
  const Rope rope(config, 8);
  ASSERT_EQ(rope.half(), 4);
  const std::vector<float> want = {1.0F, 0.1F, 0.01F, 0.001F};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(rope.frequencies()[i], want[i]);
  EXPECT_EQ(rope.attention_factor(), 1.0F);
}

TEST(Rope, LinearDividesEveryFrequency) {
  RopeConfig config;
  config.scaling = RopeScalingKind::kLinear;
  config.factor = 4.0;
  const Rope rope(config, 8);
  const std::vector<float> want = {0.25F, 0.025F, 0.0025F, 0.00025F};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(rope.frequencies()[i], want[i]);
}

TEST(Rope, FrequencyFactorsDivideLast) {
  RopeConfig config;
  config.frequency_factors = {1.0F, 2.0F, 4.0F, 8.0F};
  const Rope rope(config, 8);
  const std::vector<float> want = {1.0F, 0.05F, 0.0025F, 0.000125F};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(rope.frequencies()[i], want[i]);
}

TEST(Rope, AnglesAreCosinesAndSinesOfPositionTimesFrequency) {
  const Rope rope(RopeConfig{}, 6);
  std::vector<float> cosines(3);
  std::vector<float> sines(3);
  for (const std::int64_t position : {0, 1, 77, 4095}) {
    rope.angles(position, cosines.data(), sines.data());
    for (std::size_t i = 0; i < 3; ++i) {
      const double angle =
          static_cast<double>(static_cast<float>(position) * rope.frequencies()[i]);
      EXPECT_EQ(cosines[i], static_cast<float>(std::cos(angle)));
      EXPECT_EQ(sines[i], static_cast<float>(std::sin(angle)));
    }
  }
}

void expect_frequencies(const Rope& rope, const std::vector<float>& want) {
  ASSERT_EQ(rope.frequencies().size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(rope.frequencies()[i] / want[i], 1.0, 3e-7) << i;
  }
}

TEST(Rope, Llama3StretchesLongWavelengthsOnly) {
  RopeConfig config;
  config.theta = 500000.0;
  config.scaling = RopeScalingKind::kLlama3;
  config.factor = 8.0;
  config.low_freq_factor = 1.0;
  config.high_freq_factor = 4.0;
  config.original_max_position = 256;
  expect_frequencies(Rope(config, 16),
                     {1.0F, 0.193922758F, 0.0105382307F, 0.000911583134F, 0.000176776681F,
                      3.42810235e-05F, 6.64786967e-06F, 1.28917316e-06F});
}

TEST(Rope, YarnRampsOverDimensionsAndScalesTheAttention) {
  RopeConfig config;
  config.scaling = RopeScalingKind::kYarn;
  config.factor = 4.0;
  config.original_max_position = 128;
  const Rope rope(config, 16);
  expect_frequencies(rope, {1.0F, 0.237170815F, 0.049999997F, 0.00790569466F, 0.00249999994F,
                            0.000790569466F, 0.000250000012F, 7.90569466e-05F});
  EXPECT_FLOAT_EQ(rope.attention_factor(), 1.138629436111989F);
  std::vector<float> cosines(8);
  std::vector<float> sines(8);
  rope.angles(0, cosines.data(), sines.data());
  EXPECT_EQ(cosines[0], rope.attention_factor());
  EXPECT_EQ(sines[0], 0.0F);
}

TEST(Rope, YarnWithEveryParameterGiven) {
  RopeConfig config;
  config.scaling = RopeScalingKind::kYarn;
  config.factor = 4.0;
  config.original_max_position = 128;
  config.truncate = false;
  config.beta_fast = 16.0;
  config.beta_slow = 2.0;
  config.attention_factor = 1.25;
  const Rope rope(config, 16);
  expect_frequencies(rope, {1.0F, 0.212468684F, 0.0256643984F, 0.00790569466F, 0.00249999994F,
                            0.000790569466F, 0.000250000012F, 7.90569466e-05F});
  EXPECT_EQ(rope.attention_factor(), 1.25F);
}

}  // namespace
}  // namespace lathe
