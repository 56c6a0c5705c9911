// The grid of the non-linear schemes, fitted anew.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/tile_quantizer.h"

namespace lathe {
namespace {

constexpr std::int64_t kGroup = 64;

// Groups of normally distributed numbers, as the kernels take them: [groups][kGroup][16].
std::vector<float> normal_groups(int groups) {
  std::mt19937 random(5);
  const auto unit = [&] { return (static_cast<double>(random()) + 0.5) * 0x1p-32; };
  std::vector<float> out(static_cast<std::size_t>(groups) * kGroup * 16);
  for (float& x : out) {  // Box and Muller (1958)
    x = static_cast<float>(std::sqrt(-2.0 * std::log(unit())) * std::cos(2.0 * M_PI * unit()));
  }
  return out;
}

struct Fit {
  float grid[16];
  float borders[15];
  double error = 0.0;  // of the last round, by Σ x²

  void set_borders() {
    for (int i = 0; i < 15; ++i) borders[i] = 0.5f * (grid[i] + grid[i + 1]);
  }

  // One round of Lloyd's algorithm; moves the grid only where it is told to.
  void round(const std::vector<float>& values, bool move) {
    double num[16] = {}, den[16] = {}, signal = 0.0, lost = 0.0;
    const std::vector<float> one(kGroup, 1.0f);
    for (std::size_t g = 0; g < values.size(); g += kGroup * 16) {
      float scales[16], squares[16], errors[16];
      std::vector<float> codes(values.begin() + static_cast<std::ptrdiff_t>(g),
                               values.begin() + static_cast<std::ptrdiff_t>(g + kGroup * 16));
      kernels().search.find_grid_scales(codes.data(), one.data(), kGroup, 15, grid, borders,
                                        scales);
      kernels().search.encode_grid(codes.data(), kGroup, grid, borders, scales, squares, errors);
      for (std::size_t i = 0; i < codes.size(); ++i) {
        const auto code = static_cast<std::size_t>(codes[i]);
        ASSERT_LT(code, 16u);
        const double s = scales[i % 16];
        num[code] += s * values[g + i];
        den[code] += s * s;
      }
      for (int r = 0; r < 16; ++r) {
        signal += squares[r];
        lost += errors[r];
      }
    }
    error = lost / signal;
    if (!move) return;
    double largest = 0.0;
    for (int i = 0; i < 16; ++i) largest = std::max(largest, std::abs(num[i] / den[i]));
    for (int i = 0; i < 16; ++i) grid[i] = static_cast<float>(num[i] / den[i] * 127.0 / largest);
    set_borders();
  }
};

Fit from(const Grid& grid) {
  Fit fit;
  std::copy(grid.begin(), grid.end(), fit.grid);
  fit.set_borders();
  return fit;
}

TEST(Grid, IsWhatNormalNumbersFit) {
  const auto values = normal_groups(64);
  Grid even;
  for (int i = 0; i < 16; ++i)
    even[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(std::max(-127, 16 * (i - 8)));
  Fit fit = from(even);
  fit.round(values, false);
  const double even_error = fit.error;
  for (int i = 0; i < 12; ++i) fit.round(values, true);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(fit.grid[i], kNormalGrid[i], 3.0) << i;
  Fit fixed = from(kNormalGrid);
  fixed.round(values, false);
  EXPECT_LT(fixed.error, 0.85 * even_error);
  EXPECT_LT(fixed.error, 1.01 * fit.error);
}

TEST(Grid, EveryTableFindsTheSame) {
  const auto values = normal_groups(1);
  const std::vector<float> one(kGroup, 1.0f);
  const Fit fit = from(kNormalGrid);
  std::vector<float> expected_codes;
  std::vector<float> expected(48);
  for (const KernelTable* each : available_kernels()) {
    const KernelTable& table = *each;
    std::vector<float> codes = values;
    std::vector<float> found(48);
    table.search.find_grid_scales(codes.data(), one.data(), kGroup, 15, fit.grid, fit.borders,
                                  found.data());
    table.search.encode_grid(codes.data(), kGroup, fit.grid, fit.borders, found.data(),
                             found.data() + 16, found.data() + 32);
    if (expected_codes.empty()) {
      expected = found;
      expected_codes = codes;
    }
    EXPECT_EQ(found, expected) << table.name;
    EXPECT_EQ(codes, expected_codes) << table.name;
    // Sixteen rows of 17 inputs, 20 apart, the last three rows absent.
    std::vector<float> turned(17 * 16);
    table.search.transpose_tile(values.data(), 20, 13, 17, 2.0f, turned.data());
    for (std::size_t k = 0; k < 17; ++k) {
      for (std::size_t r = 0; r < 16; ++r) {
        ASSERT_EQ(turned[16 * k + r], r < 13 ? 2.0f * values[20 * r + k] : 0.0f) << table.name;
      }
    }
    turned.resize(40 * 16);
    table.search.transpose_tile(values.data(), 41, 16, 40, 0.5f, turned.data());
    for (std::size_t k = 0; k < 40; ++k) {
      for (std::size_t r = 0; r < 16; ++r) {
        ASSERT_EQ(turned[16 * k + r], 0.5f * values[41 * r + k]) << table.name;
      }
    }
  }
}

}  // namespace
}  // namespace lathe
