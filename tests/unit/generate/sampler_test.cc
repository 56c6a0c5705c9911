#include "lathe/sampler.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <numeric>

#include "lathe/error.h"

#include "base/pcg.h"
#include "generate/token_weights.h"

namespace lathe {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(Pcg32& random, std::size_t n, double spread) {
  std::vector<float> logits(n);
  for (float& x : logits) {
    // A sum of uniforms: near enough to a bell.
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(random.next()) / 4294967296.0 - 0.5;
    x = static_cast<float>(sum * spread);
  }
  return logits;
}

// The distribution that lathe/generate.h describes, by sorting and long doubles.
std::vector<double> reference(std::vector<float> logits, const SamplingOptions& options,
                              std::span<const TokenId> history = {}) {
  const std::size_t n = logits.size();
  if (options.repeat_last > 0 && history.size() > static_cast<std::size_t>(options.repeat_last)) {
    history = history.last(static_cast<std::size_t>(options.repeat_last));
  }
  std::vector<bool> seen(n);
  if (options.repeat_last != 0) {
    for (const TokenId id : history) seen[static_cast<std::size_t>(id)] = true;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!seen[i]) continue;
    const double x = logits[i];
    logits[i] = static_cast<float>(x > 0 ? x / options.repeat_penalty : x * options.repeat_penalty);
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (options.top_k > 0)
    order.resize(std::min<std::size_t>(n, static_cast<std::size_t>(options.top_k)));
  std::vector<long double> weight(n, 0.0L);
  long double sum = 0;
  for (const std::size_t i : order) {
    weight[i] = std::exp((static_cast<long double>(logits[i]) - logits[order[0]]) /
                         static_cast<long double>(options.temperature));
    sum += weight[i];
  }
  long double reached = 0;
  std::size_t keep = 0;
  while (keep < order.size() && (keep == 0 || reached < sum * options.top_p)) {
    reached += weight[order[keep++]];
  }
  order.resize(keep);
  while (weight[order.back()] < options.min_p) order.pop_back();
  std::vector<double> p(n, 0.0);
  long double kept = 0;
  for (const std::size_t i : order) kept += weight[i];
  for (const std::size_t i : order) p[i] = static_cast<double>(weight[i] / kept);
  return p;
}

// Draws and compares with the reference: nothing that must not come, and Pearson's chi-square
// over cells of at least 5 expected draws. The seed is fixed, so this is no lottery; the limit is
// five standard deviations above the mean.
void expect_distribution(const std::vector<float>& logits, SamplingOptions options,
                         std::span<const TokenId> history = {}, int draws = 20000) {
  const std::vector<double> p = reference(logits, options, history);
  Sampler sampler(options);
  std::vector<int> count(logits.size());
  for (int i = 0; i < draws; ++i)
    ++count[static_cast<std::size_t>(*sampler.choose(logits, history))];
  double chi = 0, rest_expected = 0, rest_count = 0;
  int cells = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) {
      ASSERT_EQ(count[i], 0) << "token " << i << " is outside of what the filters keep";
      continue;
    }
    const double expected = p[i] * draws;
    if (expected < 5) {
      rest_expected += expected;
      rest_count += count[i];
      continue;
    }
    chi += (count[i] - expected) * (count[i] - expected) / expected;
    ++cells;
  }
  if (rest_expected >= 5) {
    chi += (rest_count - rest_expected) * (rest_count - rest_expected) / rest_expected;
    ++cells;
  }
  if (cells < 2) return;
  const double freedom = cells - 1;
  EXPECT_LT(chi, freedom + 5 * std::sqrt(2 * freedom));
}

TEST(Sampler, GreedyTakesTheLowestIdAtATie) {
  Sampler sampler(SamplingOptions{});
  EXPECT_EQ(sampler.choose(std::vector<float>{1, 4, 4, 0}, {}), 1);
  EXPECT_EQ(sampler.choose(std::vector<float>{kNan, -kInfinity, -3}, {}), 2);
  EXPECT_EQ(sampler.choose(std::vector<float>{kNan, kNan}, {}), std::nullopt);
  EXPECT_EQ(sampler.choose({}, {}), std::nullopt);
}

TEST(Sampler, DrawsFromTheExactDistribution) {
  Pcg32 random(5);
  for (const double temperature : {0.3, 1.0, 2.5}) {
    SamplingOptions options;
    options.temperature = temperature;
    options.seed = 11;
    expect_distribution(random_logits(random, 50, 6), options);
  }
}

TEST(Sampler, EachFilterKeepsWhatTheReferenceKeeps) {
  Pcg32 random(6);
  for (int round = 0; round < 40; ++round) {
    SamplingOptions options;
    options.temperature = 0.5 + round % 5 * 0.4;
    options.seed = static_cast<std::uint64_t>(round);
    if (round % 4 == 0) options.top_k = 1 + random.next() % 40;
    if (round % 4 == 1) options.top_p = (random.next() % 1000) / 1000.0;
    if (round % 4 == 2) options.min_p = (random.next() % 1000) / 1000.0;
    if (round % 4 == 3) {
      options.top_k = 1 + random.next() % 60;
      options.top_p = 0.3 + (random.next() % 600) / 1000.0;
      options.min_p = (random.next() % 200) / 1000.0;
      options.repeat_penalty = 1.3;
    }
    const std::vector<float> logits = random_logits(random, 100, 8);
    std::vector<TokenId> history(30);
    for (TokenId& id : history) id = static_cast<TokenId>(random.next() % 100);
    expect_distribution(logits, options, history, 4000);
  }
}

TEST(Sampler, TiesAtABorderGoToTheLowerIds) {
  const std::vector<float> flat(10, 1.0f);
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 3;
  expect_distribution(flat, options);
  options.top_k = 0;
  options.top_p = 0.25;  // of ten equal ones, three reach it
  expect_distribution(flat, options);
  options.top_p = 0.0;  // always one stays
  EXPECT_EQ(Sampler(options).choose(flat, {}), 0);
}

TEST(Sampler, RepeatPenaltyTouchesEachTokenOnceWithinItsWindow) {
  const std::vector<float> logits = {2.0f, 1.5f, -1.0f, 1.2f};
  SamplingOptions options;
  options.repeat_penalty = 1.4;
  // 2/1.4 = 1.43 < 1.5: the penalty applied twice would also put it below 1.2.
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{0, 0, 0}), 1);
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{0, 0, 1}), 0);
  options.repeat_last = 1;
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{0, 2}), 0);
  options.repeat_last = 0;
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{0}), 0);
  options.repeat_last = -1;
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{0, 2, 2, 2, 2}), 1);
  // Ids that the logits lack (a vocabulary with more tokens than rows) do no harm.
  EXPECT_EQ(Sampler(options).choose(logits, std::vector<TokenId>{-1, 99}), 0);
  // Negative logits move away from zero.
  options.repeat_penalty = 3;
  EXPECT_EQ(Sampler(options).choose(std::vector<float>{-1, -2}, std::vector<TokenId>{0}), 1);
}

TEST(Sampler, NumbersThatAreNoneAreNeverChosen) {
  SamplingOptions options;
  options.temperature = 1;
  Sampler sampler(options);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(sampler.choose(std::vector<float>{kNan, -kInfinity, 1.0f, kNan}, {}), 2);
    EXPECT_EQ(sampler.choose(std::vector<float>{0, kInfinity, 1.0f}, {}), 1);
  }
  EXPECT_EQ(sampler.choose(std::vector<float>{kNan, -kInfinity}, {}), std::nullopt);
}

TEST(Sampler, ExtremeTemperaturesAreTheirLimits) {
  const std::vector<float> logits = {0, 3, 2.999f, 1};
  SamplingOptions options;
  options.temperature = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(Sampler(options).choose(logits, {}), 1);
  options.temperature = 1e300;
  expect_distribution(logits, options);
}

// The choice is a function of logits and seed on every machine, so these are the expected
// outputs everywhere; a second program, in exact fractions and 60 decimal digits, gave them.
// The logits are multiples of 1/64: no rounding in making them.
TEST(Sampler, SeedsGiveGoldenChoices) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>((i * 7919) % 640) / 64.0f;
  }
  const auto draw = [&](SamplingOptions options) {
    Sampler sampler(options);
    std::vector<TokenId> ids;
    for (int i = 0; i < 8; ++i) ids.push_back(*sampler.choose(logits, ids));
    return ids;
  };
  SamplingOptions options;
  options.temperature = 1;
  options.seed = 42;
  EXPECT_EQ(draw(options), (std::vector<TokenId>{123, 581, 942, 720, 265, 182, 324, 83}));
  options.temperature = 0.7;
  options.top_k = 40;
  options.top_p = 0.9;
  options.min_p = 0.05;
  options.repeat_penalty = 1.1;
  EXPECT_EQ(draw(options), (std::vector<TokenId>{99, 581, 964, 723, 249, 174, 324, 83}));
}

TEST(Sampler, OneDrawPerTokenEvenWhereOneIsLeft) {
  const std::vector<float> logits(64, 0.0f);
  SamplingOptions options;
  options.temperature = 1;
  options.seed = 3;
  Sampler plain(options);
  Sampler mixed(options);
  std::vector<float> single(64, -kInfinity);
  single[7] = 0;
  plain.choose(logits, {});
  EXPECT_EQ(mixed.choose(single, {}), 7);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(plain.choose(logits, {}), mixed.choose(logits, {}));
}

TEST(Sampler, LogSumExpIsThatOfTheDefinition) {
  Pcg32 random(8);
  for (const std::size_t n : {std::size_t{1}, std::size_t{7}, std::size_t{32000}}) {
    const std::vector<float> logits = random_logits(random, n, 10);
    const float max = *std::max_element(logits.begin(), logits.end());
    long double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<long double>(x) - max);
    EXPECT_NEAR(log_sum_exp(logits, max), static_cast<double>(max + std::log(sum)), 1e-9);
  }
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  const auto refused = [](auto change) {
    SamplingOptions options;
    change(options);
    try {
      validate(options);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUsage;
    }
    return false;
  };
  EXPECT_TRUE(refused([](auto& o) { o.temperature = -0.1; }));
  EXPECT_TRUE(refused([](auto& o) { o.temperature = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& o) { o.top_k = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.top_p = 1.01; }));
  EXPECT_TRUE(refused([](auto& o) { o.top_p = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& o) { o.min_p = -0.01; }));
  EXPECT_TRUE(refused([](auto& o) { o.repeat_penalty = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.repeat_last = -2; }));
  EXPECT_FALSE(refused([](auto&) {}));
}

}  // namespace
}  // namespace lathe
