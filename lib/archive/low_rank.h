// What would be left of a fine-tune if each of its matrices differed from the base's by a product
// of low rank, as a LoRA adapter does.
//
// The largest singular values of each difference come from a random projection with one power
// iteration (Halko, Martinsson, Tropp 2011), so an error is at most a few percent above that of the
// best product of the rank.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lathe/archive.h"

namespace lathe::archive {

// The squares of all that is different, and of what products of the ranks leave of it.
struct LowRankSums {
  static constexpr std::array<int, 4> kRanks = {8, 16, 32, 64};

  double all = 0;
  std::array<double, 4> left{};
  std::uint64_t matrices = 0;
};

// Rows [first, first + n / cols) of a difference, to `out` of n floats.
using DifferenceRows = std::function<void(std::int64_t first, std::span<float> out)>;

// Adds a matrix. On the calling thread alone; the same sums for the same arguments on one machine.
void add_low_rank(std::int64_t rows, std::int64_t cols, const DifferenceRows& difference,
                  LowRankSums& sums);

}  // namespace lathe::archive
