// Scales for weights on a non-linear grid, by search. Included by each table after its lanes.h
// and grid.h.
#pragma once

#include "kernels/shared/scale_search.h"

namespace lathe {
namespace {

// x ≈ scale · grid value: for the values that each of `count` inverses of a scale chooses, the
// best scale. Side by side, because the sums of one alone would wait for each other.
template <int count>
inline void fit_grid(const float* values, const float* importance, std::int64_t n,
                     const GridLookup& grid, const Lanes (&inverses)[count],
                     ScaleFit (&fits)[count]) noexcept {
  Lanes to_grid[count];
  Lanes xg[count];
  Lanes gg[count];
  for (int c = 0; c < count; ++c) {
    to_grid[c] = mul(inverses[c], Lanes::all(GridLookup::kUnit));
    xg[c] = gg[c] = Lanes::zero();
  }
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes h = Lanes::all(importance[k]);
    for (int c = 0; c < count; ++c) {
      const Lanes g = grid.nearest_value(mul(x, to_grid[c]));
      const Lanes hg = mul(h, g);
      xg[c] = fma(hg, x, xg[c]);
      gg[c] = fma(hg, g, gg[c]);
    }
  }
  for (int c = 0; c < count; ++c) {
    const Lanes scale = div(xg[c], at_least_tiny(gg[c]));
    fits[c] = {scale, Lanes::zero(), mul(xg[c], scale)};
  }
}

// Tries scales that bring the value of largest magnitude beyond an end of the grid by these
// factors; then what is best for the codes of the best of them, `kRounds` times.
template <int kRounds, int kCount>
inline ScaleFit best_of(const float* values, const float* importance, std::int64_t n,
                        const GridLookup& lookup, Lanes start,
                        const float (&factors)[kCount]) noexcept {
  ScaleFit best = {Lanes::zero(), Lanes::zero(), Lanes::all(-1.0f)};
  Lanes inverses[kCount];
  ScaleFit fits[kCount];
  for (int c = 0; c < kCount; ++c) inverses[c] = mul(start, Lanes::all(factors[c]));
  fit_grid(values, importance, n, lookup, inverses, fits);
  for (const ScaleFit& fit : fits) keep_better(fit, best);
  for (int round = 0; round < kRounds; ++round) {
    const Lanes inverse[1] = {inverse_of(best.scale)};
    ScaleFit fit[1];
    fit_grid(values, importance, n, lookup, inverse, fit);
    keep_better(fit[0], best);
  }
  return best;
}

// By the number of values: the fewer there are, the more the largest weights are worth cutting.
constexpr float kFactors16[] = {0.95f, 1.08f, 1.22f, -0.86f, -0.96f, -1.08f};
constexpr float kFactors8[] = {0.95f, 1.1f,   1.27f,  1.47f,  1.7f,
                               -0.8f, -0.92f, -1.07f, -1.24f, -1.43f};
constexpr float kFactors4[] = {0.9f, 1.1f, 1.35f, 1.65f, 2.0f, -0.7f, -0.85f, -1.05f, -1.3f, -1.6f};

// See SearchKernels::find_grid_scales.
void search_grid(const float* values, const float* importance, std::int64_t n,
                 std::int32_t top_code, const float* grid, const float* borders,
                 float* scales) noexcept {
  const Range range = range_of(values, n);
  const Lanes reach =
      max(max(magnitude(range.least), magnitude(range.most)), Lanes::all(0x1p-100f));
  const Lanes ends = max(magnitude(Lanes::all(grid[0])), magnitude(Lanes::all(grid[15])));
  const Lanes unit = div(ends, reach);
  // The grid reaches further on one side, and is a little coarser there. The value of largest
  // magnitude goes to that side, or, with a larger scale, to the other: half of all groups gain
  // by the one, half by the other.
  const bool down = grid[15] < -grid[0];
  const Lanes longer = down ? negate(unit) : unit;
  const Lanes start = where_less(negate(range.least), range.most, longer, negate(longer));
  const GridLookup lookup(grid, borders);
  const ScaleFit best =
      top_code == 15  ? best_of<1>(values, importance, n, lookup, start, kFactors16)
      : top_code == 7 ? best_of<2>(values, importance, n, lookup, start, kFactors8)
                      : best_of<2>(values, importance, n, lookup, start, kFactors4);
  best.scale.store(scales);
}

// See SearchKernels::encode_grid.
void encode_grid(float* values, std::int64_t n, const float* grid, const float* borders,
                 const float* scales, float* signal, float* error) noexcept {
  const Lanes scale = Lanes::load(scales);
  const Lanes to_grid = mul(inverse_of(scale), Lanes::all(GridLookup::kUnit));
  const GridLookup lookup(grid, borders);
  Lanes squares = Lanes::zero();
  Lanes errors = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const GridLookup::Codes code = lookup.code(mul(x, to_grid));
    const Lanes g = lookup.value(code);
    GridLookup::as_float(code).store(values + 16 * k);
    const Lanes lost = fma(negate(scale), g, x);
    squares = fma(x, x, squares);
    errors = fma(lost, lost, errors);
  }
  squares.store(signal);
  errors.store(error);
}

}  // namespace
}  // namespace lathe
