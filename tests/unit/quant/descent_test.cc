#include "quant/descent.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace lathe {
namespace {

constexpr std::int64_t kInputs = 45;
constexpr std::int64_t kRows = 16;

float draw(std::mt19937& random) { return static_cast<float>(random()) * 0x1p-31f - 1.0f; }

std::vector<float> products() {
  std::mt19937 random(3);
  std::vector<float> x(200 * kInputs);
  for (float& v : x) v = draw(random);
  std::vector<float> h(kInputs * kInputs);
  for (std::size_t t = 0; t < 200; ++t) {
    for (std::size_t a = 0; a < kInputs; ++a) {
      for (std::size_t b = 0; b < kInputs; ++b) {
        h[a * kInputs + b] += x[t * kInputs + a] * x[t * kInputs + b] / 200.0f;
      }
    }
  }
  return h;
}

class DescentTest : public testing::Test {
 protected:
  DescentTest() : errors_(kInputs * kRows) {
    std::mt19937 random(4);
    for (float& e : errors_) e = draw(random);
    descent_.start(errors_.data());
  }

  float h(std::int64_t a, std::int64_t b) const { return feedback_.products()[a * kInputs + b]; }
  float& error(std::int64_t k, std::int64_t r) {
    return errors_[static_cast<std::size_t>(k * kRows + r)];
  }
  double loss(std::int64_t r) {
    double sum = 0;
    for (std::int64_t a = 0; a < kInputs; ++a) {
      for (std::int64_t b = 0; b < kInputs; ++b) sum += error(a, r) * h(a, b) * error(b, r);
    }
    return sum;
  }
  void expect_pulls() {
    for (std::int64_t k = 0; k < kInputs; ++k) {
      float pull[kRows];
      descent_.pull(k, pull);
      for (std::int64_t r = 0; r < kRows; ++r) {
        double want = 0;
        for (std::int64_t j = 0; j < kInputs; ++j) want += h(k, j) * error(j, r);
        ASSERT_NEAR(pull[r], want, 1e-5) << k << " " << r;
      }
    }
  }

  ThreadPool pool_{1};
  ErrorFeedback feedback_{products(), kInputs, pool_, true};
  Descent descent_{feedback_};
  std::vector<float> errors_;  // [inputs][16]
};

TEST_F(DescentTest, KnowsWhatPullsAtAWeight) {
  expect_pulls();
  float by[kRows] = {};
  for (std::int64_t r = 0; r < kRows; r += 3) by[r] = 0.1f * static_cast<float>(r + 1);
  descent_.move(7, by);
  for (std::int64_t r = 0; r < kRows; ++r) error(7, r) -= by[r];
  expect_pulls();
  EXPECT_EQ(descent_.power(7), h(7, 7));
}

TEST_F(DescentTest, MovesAWeightToWhereTheErrorIsLeast) {
  float pull[kRows];
  descent_.pull(20, pull);
  for (std::int64_t r = 0; r < kRows; ++r) {
    const float best = pull[r] / descent_.power(20);
    const float old = error(20, r);
    error(20, r) = old - best;
    const double least = loss(r);
    for (const float other : {-0.05f, 0.05f}) {
      error(20, r) = old - best + other;
      EXPECT_GT(loss(r), least);
    }
    error(20, r) = old;
  }
}

TEST_F(DescentTest, WeighsTheScaleOfAGroup) {
  constexpr std::int64_t kFirst = 16, kCount = 16;
  std::mt19937 random(5);
  std::vector<float> values(kCount * kRows);
  for (float& v : values) v = std::nearbyint(8 * draw(random));
  Descent::ScaleSlope slope;
  descent_.weigh(kFirst, kCount, values.data(), &slope);
  std::vector<double> before;
  float by[kRows];
  for (std::int64_t r = 0; r < kRows; ++r) {
    before.push_back(loss(r));
    by[r] = slope.gain[r] / slope.cost[r];
  }
  descent_.move_scales(kFirst, kCount, values.data(), by);
  for (std::int64_t k = 0; k < kCount; ++k) {
    for (std::int64_t r = 0; r < kRows; ++r) {
      error(kFirst + k, r) -= by[r] * values[static_cast<std::size_t>(k * kRows + r)];
    }
  }
  expect_pulls();
  for (std::int64_t r = 0; r < kRows; ++r) {
    const double fall = before[static_cast<std::size_t>(r)] - loss(r);
    EXPECT_NEAR(fall, slope.gain[r] * slope.gain[r] / slope.cost[r], 1e-4);
    EXPECT_GE(fall, 0.0);
  }
}

}  // namespace
}  // namespace lathe
