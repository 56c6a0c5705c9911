// Scales (and minimums) of one block of ggml's, for sixteen rows at a time.
//
// Where a block's groups have whole numbers as scales, times a half for all of them, the half and
// the numbers are chosen together: from the scales that each group would like best, numbers next to
// those are tried by what the weights lose, and then the half is solved for by least squares; both
// twice. Weighted by importance throughout.
//
// One object per worker. The same bits for every kernel table.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/block_form.h"
#include "quant/grid_scales.h"

namespace lathe {

inline constexpr std::int64_t kBlockRows = 16;

// Of sixteen rows, as the block holds them, and what follows from that.
struct BlockFactors {
  std::uint16_t scale[kBlockRows] = {};    // a half, or an exponent (kE2M1)
  std::uint16_t minimum[kBlockRows] = {};  // a half
  std::vector<std::int8_t> scale_steps;    // [groups][16]
  std::vector<std::int8_t> minimum_steps;
  // Of each group, [groups][16]: value = scales · code + offsets, or scales · table[code].
  std::vector<float> scales;
  std::vector<float> offsets;
};

class BlockSearch {
 public:
  explicit BlockSearch(const BlockForm& form);

  // values: [block][16] finite numbers; importance: as many weights >= 0. What a half cannot hold
  // becomes infinite in `out`.
  void find(const float* values, const float* importance, BlockFactors& out);

 private:
  struct Trial;

  void weigh_values(const float* values, const float* importance);
  void find_halves(const float* values, const float* importance, BlockFactors& out) const;
  void find_exponents(const float* values, const float* importance, BlockFactors& out) const;
  void find_wishes(const float* values, const float* importance);
  void avoid_positive_minimums(const float* values, const float* importance);
  void first_halves(Trial& trial) const;
  void try_halves(const float* values, const float* importance, Trial& trial) const;
  void choose_steps(const float* values, const float* importance, std::int64_t group,
                    Trial& trial) const;
  void solve_halves(const Trial& from, Trial& next) const;
  void keep_better(const Trial& trial, Trial& best) const;
  void store(const Trial& best, BlockFactors& out) const;

  const BlockForm& form_;
  GridScales grid_;
  std::vector<float> weights_;        // of a grid's values: [block][16]
  std::vector<float> wished_scales_;  // [groups][16]
  std::vector<float> wished_minimums_;
};

}  // namespace lathe
