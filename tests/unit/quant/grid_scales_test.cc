// Scales of IQ4's grid for values that each have a weight.
#include "quant/grid_scales.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "tensor/blocks/grid_blocks.h"

namespace lathe {
namespace {

constexpr std::int64_t kInputs = 32;

struct Group {
  std::vector<float> values, weights;  // [kInputs][16]
};

Group random_group(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  std::uniform_real_distribution<float> weight(0.2F, 2.0F);
  Group out;
  for (std::int64_t i = 0; i < kInputs * 16; ++i) {
    out.values.push_back(normal(random));
    out.weights.push_back(weight(random));
  }
  return out;
}

// By the nearest of all sixteen.
double error_of(const Group& group, std::size_t row, double scale) {
  double error = 0.0;
  for (std::size_t k = 0; k < kInputs; ++k) {
    const double x = static_cast<double>(group.values[k * 16 + row]);
    double least = INFINITY;
    for (const std::int8_t g : kGridIq4) least = std::min(least, std::abs(x - scale * g));
    error += static_cast<double>(group.weights[k * 16 + row]) * least * least;
  }
  return error;
}

TEST(GridScales, AreNearTheBestOfAllOfEitherSign) {
  double found = 0.0, best = 0.0;
  const GridScales grid;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const Group group = random_group(seed);
    float scales[16];
    grid.find(group.values.data(), group.weights.data(), kInputs, scales);
    for (std::size_t row = 0; row < 16; ++row) {
      found += error_of(group, row, static_cast<double>(scales[row]));
      double least = INFINITY;
      for (int step = 1; step < 2000; ++step) {
        least = std::min(
            {least, error_of(group, row, step * 5e-7), error_of(group, row, step * -5e-7)});
      }
      best += least;
    }
  }
  EXPECT_LT(found, 1.04 * best);
}

TEST(GridScales, WeighWhatTheNearestValuesLose) {
  const GridScales grid;
  const Group group = random_group(9);
  float scales[16];
  grid.find(group.values.data(), group.weights.data(), kInputs, scales);
  scales[3] = 0.0F;
  CodeSums sums;
  grid.weigh(group.values.data(), group.weights.data(), kInputs, scales, sums);
  for (std::size_t row = 0; row < 16; ++row) {
    const double error = error_of(group, row, static_cast<double>(scales[row]));
    EXPECT_NEAR(static_cast<double>(sums.error[row]), error, 1e-4 * error);
  }
}

TEST(GridScales, TakeWhatIsNoNumber) {
  const GridScales grid;
  Group group = random_group(2);
  for (std::size_t row = 0; row < 4; ++row) {
    const float odd[] = {0.0F, NAN, INFINITY, 3e38F};
    for (std::size_t k = 0; k < kInputs; ++k) group.values[k * 16 + row] = odd[row];
  }
  float scales[16];
  grid.find(group.values.data(), group.weights.data(), kInputs, scales);
  EXPECT_EQ(scales[0], 0.0F);
  EXPECT_NE(scales[5], 0.0F);
}

}  // namespace
}  // namespace lathe
