// Scales for weights on a non-linear grid, by search. Included by each table after its lanes.h
// and grid.h.
#pragma once

#include "kernels/shared/scale_search.h"

namespace lathe {
namespace {

// x ≈ scale · grid value: for the values that 1/scale = `inverse` chooses, the best scale.
inline ScaleFit fit_grid(const float* values, const float* importance, std::int64_t n,
                         const GridLookup& grid, Lanes inverse) noexcept {
  Lanes xg = Lanes::zero();
  Lanes gg = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes g = grid.value(grid.code(mul(x, inverse)));
    const Lanes hg = mul(Lanes::all(importance[k]), g);
    xg = fma(hg, x, xg);
    gg = fma(hg, g, gg);
  }
  const Lanes scale = div(xg, at_least_tiny(gg));
  return {scale, Lanes::zero(), mul(xg, scale)};
}

// See KernelTable::search_grid.
void search_grid(const float* values, const float* importance, std::int64_t n, const float* grid,
                 const float* borders, float* scales) noexcept {
  const Range range = range_of(values, n);
  const Lanes reach =
      max(max(magnitude(range.least), magnitude(range.most)), Lanes::all(0x1p-100f));
  const Lanes ends = max(magnitude(Lanes::all(grid[0])), magnitude(Lanes::all(grid[15])));
  const Lanes unit = div(ends, reach);
  ScaleFit best = {Lanes::zero(), Lanes::zero(), Lanes::all(-1.0f)};
  // The grid reaches further on one side: the value of largest magnitude goes there.
  const bool down = grid[15] < -grid[0];
  const Lanes longer = down ? negate(unit) : unit;
  const Lanes start = where_less(negate(range.least), range.most, longer, negate(longer));
  const GridLookup lookup(grid, borders);
  for (int c = 0; c < 4; ++c) {
    const Lanes factor = Lanes::all(0.92f + 0.12f * static_cast<float>(c));
    keep_better(fit_grid(values, importance, n, lookup, mul(start, factor)), best);
  }
  for (int round = 0; round < 2; ++round) {
    keep_better(fit_grid(values, importance, n, lookup, inverse_of(best.scale)), best);
  }
  best.scale.store(scales);
}

// See KernelTable::encode_grid.
void encode_grid(float* values, std::int64_t n, const float* grid, const float* borders,
                 const float* scales, float* signal, float* error) noexcept {
  const Lanes scale = Lanes::load(scales);
  const Lanes inverse = inverse_of(scale);
  const GridLookup lookup(grid, borders);
  Lanes squares = Lanes::zero();
  Lanes errors = Lanes::zero();
  for (std::int64_t k = 0; k < n; ++k) {
    const Lanes x = Lanes::load(values + 16 * k);
    const Lanes t = mul(x, inverse);
    const auto code = lookup.code(t);
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
