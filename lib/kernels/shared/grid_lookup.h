// Which of sixteen increasing values is next to each lane: one comparison per border. Included by
// tables that have no faster way (avx512/grid.h is one), after their lanes.h.
#pragma once

namespace lathe {
namespace {

class GridLookup {
 public:
  // grid: 16 values; borders: the 15 between them.
  GridLookup(const float* grid, const float* borders) noexcept : grid_(grid), borders_(borders) {}

  // The number of borders below t.
  Lanes code(Lanes t) const noexcept {
    Lanes c = Lanes::zero();
    for (int j = 0; j < 15; ++j) {
      c = where_less(Lanes::all(borders_[j]), t, Lanes::all(static_cast<float>(j + 1)), c);
    }
    return c;
  }
  Lanes value(Lanes code) const noexcept {
    float v[16];
    code.store(v);
    for (float& x : v) x = grid_[static_cast<int>(x)];
    return Lanes::load(v);
  }
  static Lanes as_float(Lanes code) noexcept { return code; }

 private:
  const float* grid_;
  const float* borders_;
};

}  // namespace
}  // namespace lathe
