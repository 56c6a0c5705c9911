// Which of sixteen increasing values is next to each lane: a search in four steps.
//
// The vocabulary of kernels/shared/grid_search.h; each table has its own grid.h with the same
// names. Numbers are looked up after a multiplication with kUnit, a power of two.
#pragma once

#include "kernels/generic/lanes.h"

namespace lathe {
namespace {

class GridLookup {
 public:
  static constexpr float kUnit = 1.0f;
  struct Codes {
    int v[16];
  };

  // grid: 16 values; borders: the 15 between them.
  GridLookup(const float* grid, const float* borders) noexcept : grid_(grid), borders_(borders) {}

  // The number of borders below t.
  Codes code(Lanes t) const noexcept {
    Codes c;
    for (int r = 0; r < 16; ++r) {
      c.v[r] = 0;
      for (int size = 8; size > 0; size /= 2) {
        if (borders_[c.v[r] + size - 1] < t.v[r]) c.v[r] += size;
      }
    }
    return c;
  }
  Lanes value(Codes code) const noexcept {
    Lanes out;
    for (int r = 0; r < 16; ++r) out.v[r] = grid_[code.v[r]];
    return out;
  }
  // The value next to t: value(code(t)).
  Lanes nearest_value(Lanes t) const noexcept { return value(code(t)); }
  static Lanes as_float(Codes code) noexcept {
    Lanes out;
    for (int r = 0; r < 16; ++r) out.v[r] = static_cast<float>(code.v[r]);
    return out;
  }

 private:
  const float* grid_;
  const float* borders_;
};

}  // namespace
}  // namespace lathe
