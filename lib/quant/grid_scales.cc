#include "quant/grid_scales.h"

#include <algorithm>
#include <cmath>

#include "quant/block_search.h"
#include "tensor/blocks/grid_blocks.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = kBlockRows;
constexpr float kTiny = 0x1p-120f;

// The value of largest magnitude comes by so much more or less than the grid's longer end, or to
// the other end.
constexpr float kFactors[] = {0.95f, 1.01f, 1.07f, 1.15f, -0.83f, -0.89f, -0.96f, -1.04f};

float inverse_of(float scale) noexcept { return std::fabs(scale) < kTiny ? 0.0f : 1.0f / scale; }

}  // namespace

// The best so far of each row.
struct GridScales::Fit {
  float scale[kRows] = {};
  float gain[kRows] = {};  // Σ weight · x² less what is lost
};

GridScales::GridScales() {
  // Borders are halves, so all between two halves go to one value.
  for (std::size_t i = 0; i < nearest_.size(); ++i) {
    const float x = (static_cast<float>(i) + 0.5f) / 2.0f - 128.0f;
    const auto nearer = [x](std::int8_t a, std::int8_t b) {
      return std::fabs(x - static_cast<float>(a)) < std::fabs(x - static_cast<float>(b));
    };
    nearest_[i] = static_cast<float>(*std::ranges::min_element(kGridIq4, nearer));
  }
}

// Places for all rows first: a loop that compilers make vectors of.
inline void GridScales::nearest(const float* x, const float* inverses, float* out) const noexcept {
  std::int32_t places[kRows];
  for (std::int64_t r = 0; r < kRows; ++r) {
    const float place = 2.0f * (x[r] * inverses[r]) + 256.0f;
    // So written that a number that is none becomes the first.
    const float inside = place > 0.0f ? place : 0.0f;
    places[r] = static_cast<std::int32_t>(inside < 511.0f ? inside : 511.0f);
  }
  for (std::int64_t r = 0; r < kRows; ++r) out[r] = nearest_[static_cast<std::size_t>(places[r])];
}

void GridScales::try_inverses(const float* values, const float* weights, std::int64_t n,
                              const float* inverses, Fit& best) const {
  float xg[kRows] = {};
  float gg[kRows] = {};
  float grid[kRows];
  for (std::int64_t k = 0; k < n; ++k) {
    const float* x = values + k * kRows;
    const float* h = weights + k * kRows;
    nearest(x, inverses, grid);
    for (std::int64_t r = 0; r < kRows; ++r) {
      const float hg = h[r] * grid[r];
      xg[r] += hg * x[r];
      gg[r] += hg * grid[r];
    }
  }
  for (std::int64_t r = 0; r < kRows; ++r) {
    const float scale = xg[r] / std::max(gg[r], 0x1p-126f);
    if (!(xg[r] * scale > best.gain[r])) continue;
    best.gain[r] = xg[r] * scale;
    best.scale[r] = scale;
  }
}

void GridScales::find(const float* values, const float* weights, std::int64_t n,
                      float* scales) const {
  float starts[kRows] = {};
  for (std::int64_t r = 0; r < kRows; ++r) {
    float most = 0.0f;
    for (std::int64_t k = 0; k < n; ++k) {
      if (std::fabs(values[k * kRows + r]) > std::fabs(most)) most = values[k * kRows + r];
    }
    starts[r] = static_cast<float>(kGridIq4[0]) * inverse_of(most);
  }
  Fit best;
  float inverses[kRows];
  for (const float factor : kFactors) {
    for (std::int64_t r = 0; r < kRows; ++r) inverses[r] = starts[r] * factor;
    try_inverses(values, weights, n, inverses, best);
  }
  for (std::int64_t r = 0; r < kRows; ++r) inverses[r] = inverse_of(best.scale[r]);
  try_inverses(values, weights, n, inverses, best);
  std::copy_n(best.scale, kRows, scales);
}

void GridScales::weigh(const float* values, const float* weights, std::int64_t n,
                       const float* scales, CodeSums& out) const {
  float inverses[kRows];
  for (std::int64_t r = 0; r < kRows; ++r) inverses[r] = inverse_of(scales[r]);
  CodeSums sums = {};
  for (std::int64_t k = 0; k < n; ++k) {
    float grid[kRows];
    nearest(values + k * kRows, inverses, grid);
    for (std::int64_t r = 0; r < kRows; ++r) {
      const float x = values[k * kRows + r];
      const float h = weights[k * kRows + r];
      const float t = grid[r];
      const float lost = x - scales[r] * t;
      sums.error[r] += h * lost * lost;
      sums.h[r] += h;
      sums.hx[r] += h * x;
      sums.ht[r] += h * t;
      sums.htt[r] += h * t * t;
      sums.hxt[r] += h * t * x;
    }
  }
  out = sums;
}

}  // namespace lathe
