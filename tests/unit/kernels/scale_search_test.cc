#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "kernels/search_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

struct Group {
  std::vector<float> values;      // [n][16]
  std::vector<float> importance;  // [n]
  std::int64_t n() const { return static_cast<std::int64_t>(importance.size()); }
  float at(std::int64_t k, int row) const { return values[static_cast<std::size_t>(16 * k + row)]; }
};

Group random_group(std::int64_t n, unsigned seed, float mean = 0.0f) {
  std::mt19937 random(seed);
  Group g;
  const auto unit = [&] { return static_cast<float>(random()) * 0x1p-32f; };
  for (std::int64_t i = 0; i < 16 * n; ++i) {
    g.values.push_back(mean + 0.02f * (unit() + unit() + unit() + unit() - 2.0f));
  }
  for (std::int64_t k = 0; k < n; ++k) g.importance.push_back(0.1f + unit());
  return g;
}

struct Found {
  float scales[16], minimums[16], signal[16], error[16];
  std::vector<float> codes;
};

Found search(const KernelTable& table, const Group& g, int top, bool symmetric) {
  Found f;
  if (symmetric) {
    table.search.find_scales(g.values.data(), g.importance.data(), g.n(), top, f.scales);
    for (int row = 0; row < 16; ++row) {
      f.minimums[row] = -f.scales[row] * static_cast<float>((top + 1) / 2);
    }
  } else {
    table.search.find_lines(g.values.data(), g.importance.data(), g.n(), top, f.scales, f.minimums);
  }
  f.codes = g.values;
  table.search.encode(f.codes.data(), g.n(), top, f.scales, f.minimums, f.signal, f.error);
  return f;
}

double error_of(const Group& g, int row, double scale, double minimum, int top) {
  double error = 0.0;
  for (std::int64_t k = 0; k < g.n(); ++k) {
    const double x = g.at(k, row);
    const double code =
        scale == 0.0 ? 0.0 : std::clamp(std::nearbyint((x - minimum) / scale), 0.0, double(top));
    const double d = x - scale * code - minimum;
    error += g.importance[static_cast<std::size_t>(k)] * d * d;
  }
  return error;
}

TEST(ScaleSearch, AllTablesAgreeToTheBit) {
  for (const std::int64_t n : {1, 31, 32, 64, 128}) {
    for (const int kind : {0, 1, 2, 3, 4, 5, 6, 7}) {
      const bool symmetric = kind < 4;
      const int top = (1 << (kind % 4 == 3 ? 8 : 4 + kind % 4)) - 1;
      const Group g = random_group(n, static_cast<unsigned>(n));
      const Found expected = search(*available_kernels()[0], g, top, symmetric);
      for (const KernelTable* table : available_kernels()) {
        const Found f = search(*table, g, top, symmetric);
        for (int row = 0; row < 16; ++row) {
          EXPECT_EQ(f.scales[row], expected.scales[row]);
          EXPECT_EQ(f.minimums[row], expected.minimums[row]);
        }
        EXPECT_EQ(f.codes, expected.codes);
      }
    }
  }
}

TEST(ScaleSearch, BeatsRoundingToNearestClearly) {
  double searched = 0.0, searched_asymmetric = 0.0, rounded = 0.0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Group g = random_group(64, seed, 0.002f);
    const Found s = search(kernels(), g, 15, true);
    const Found a = search(kernels(), g, 15, false);
    for (int row = 0; row < 16; ++row) {
      float extreme = 0.0f;
      for (std::int64_t k = 0; k < 64; ++k) {
        if (std::fabs(g.at(k, row)) > std::fabs(extreme)) extreme = g.at(k, row);
      }
      rounded += error_of(g, row, extreme / -8.0, extreme, 15);
      searched += error_of(g, row, s.scales[row], s.minimums[row], 15);
      searched_asymmetric += error_of(g, row, a.scales[row], a.minimums[row], 15);
    }
  }
  EXPECT_LT(searched, 0.9 * rounded);
  EXPECT_LT(searched_asymmetric, searched);
}

// No scale on a fine grid does much better than the one that was found.
TEST(ScaleSearch, IsNearTheOptimumOfAFineGrid) {
  double found = 0.0, best_of_grid = 0.0;
  for (unsigned seed = 100; seed < 110; ++seed) {
    const Group g = random_group(32, seed);
    const Found s = search(kernels(), g, 15, true);
    for (int row = 0; row < 16; ++row) {
      found += error_of(g, row, s.scales[row], s.minimums[row], 15);
      double best = 1e9;
      for (int step = 1; step < 4000; ++step) {
        for (const double sign : {-1.0, 1.0}) {
          best = std::min(best, error_of(g, row, sign * step * 3e-6, sign * step * -24e-6, 15));
        }
      }
      best_of_grid += best;
    }
  }
  EXPECT_LT(found, 1.05 * best_of_grid);
}

// What the codes lose, and sums that belong to those very codes, the same bits from every table.
TEST(ScaleSearch, WeighsCodesAlikeInAllTables) {
  const Group g = random_group(32, 6);
  float scales[16], minimums[16], zeros[16] = {};
  kernels().search.find_lines(g.values.data(), g.importance.data(), 32, 7, scales, minimums);
  const auto weigh = [&](const KernelTable& table) {
    std::vector<CodeSums> sums(2);
    table.search.weigh_codes(g.values.data(), g.importance.data(), 32, 7, 0, scales, minimums,
                             &sums[0]);
    table.search.weigh_codes(g.values.data(), g.importance.data(), 32, 7, 4, scales, zeros,
                             &sums[1]);
    return sums;
  };
  const std::vector<CodeSums> expected = weigh(*available_kernels()[0]);
  for (int row = 0; row < 16; ++row) {
    const double error = error_of(g, row, scales[row], minimums[row], 7);
    EXPECT_NEAR(expected[0].error[row], error, 1e-4 * error);
    const CodeSums& s = expected[0];
    const double scale = scales[row], minimum = minimums[row];
    double xx = 0.0;
    for (std::int64_t k = 0; k < 32; ++k) {
      xx += static_cast<double>(g.importance[static_cast<std::size_t>(k)]) *
            static_cast<double>(g.at(k, row)) * static_cast<double>(g.at(k, row));
    }
    const double by_sums = xx - 2 * scale * s.hxt[row] - 2 * minimum * s.hx[row] +
                           scale * scale * s.htt[row] + 2 * scale * minimum * s.ht[row] +
                           minimum * minimum * s.h[row];
    EXPECT_NEAR(by_sums, error, 1e-4 * xx);
    EXPECT_LE(expected[1].ht[row], 3.0f * expected[1].h[row]);
  }
  for (const KernelTable* table : available_kernels()) {
    const std::vector<CodeSums> sums = weigh(*table);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      EXPECT_EQ(std::memcmp(&sums[i], &expected[i], sizeof(CodeSums)), 0) << table->name << i;
    }
  }
}

TEST(ScaleSearch, TakesExtremes) {
  for (const bool symmetric : {true, false}) {
    Group g = random_group(32, 1);
    for (std::int64_t k = 0; k < 32; ++k) {
      auto* v = g.values.data() + 16 * k;
      v[0] = 0.0f;                   // nothing but zeros
      v[1] = 0.5f;                   // a constant
      v[2] = k == 3 ? 1e30f : 0.0f;  // one huge value
      v[3] = 1e-40f;                 // denormals
      v[4] = k == 0 ? -3.0f : 3.0f;
    }
    const Found f = search(kernels(), g, 15, symmetric);
    for (int row = 0; row < 16; ++row) {
      EXPECT_TRUE(std::isfinite(f.scales[row])) << row;
      EXPECT_TRUE(std::isfinite(f.minimums[row])) << row;
    }
    for (const float code : f.codes) {
      EXPECT_GE(code, 0.0f);
      EXPECT_LE(code, 15.0f);
      EXPECT_EQ(code, std::nearbyint(code));
    }
    for (std::int64_t k = 0; k < 32; ++k) {
      const auto code = [&](int row) { return f.codes[static_cast<std::size_t>(16 * k + row)]; };
      EXPECT_EQ(f.scales[0] * code(0) + f.minimums[0], 0.0f);
      EXPECT_NEAR(f.scales[1] * code(1) + f.minimums[1], 0.5f, 1e-6f);
      EXPECT_NEAR(f.scales[2] * code(2) + f.minimums[2], k == 3 ? 1e30f : 0.0f, 1e24f);
    }
  }
}

}  // namespace
}  // namespace lathe
