// Quantizing sixteen rows of a matrix: scales by search, codes by rounding.
//
// A tile is what the kernels' layout interleaves (tensor/packed_matrix.h), and sixteen rows are
// also the lanes of the search (SearchKernels::find_scales), so a tile is the natural piece:
// it needs nothing from its neighbours, and threads take whole tiles.
//
// One object per worker: it keeps scratch memory. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "quant/descent.h"
#include "quant/error_feedback.h"
#include "tensor/packed_layout.h"

namespace lathe {

// Increasing values of a non-linear scheme, as a packed matrix stores them.
using Grid = std::array<std::int8_t, 16>;

// The grid in use: Lloyd's algorithm (1957) on groups of 64 normally distributed numbers, each
// group with the scale that the search finds for it; from evenly spaced values, until they stand
// still, then rounded. Trained matrices of transformers are so close to normal that a grid of their
// own gains them less than 0.05 dB. (A test fits it anew.)
inline constexpr Grid kNormalGrid = {-127, -98, -79, -63, -49, -36, -24, -12,
                                     0,    12,  24,  37,  50,  65,  84,  109};
// Of fewer bits, on groups of 32; the rest is 0.
inline constexpr Grid kNormalGrid3 = {-127, -79, -47, -20, 4, 29, 59, 100};
inline constexpr Grid kNormalGrid2 = {-127, -44, 18, 88};
constexpr const Grid& normal_grid(int bits) noexcept {
  return bits == 2 ? kNormalGrid2 : bits == 3 ? kNormalGrid3 : kNormalGrid;
}

// Squared errors of one row, in the units of the weights, not weighted by importance.
struct RowError {
  double signal = 0.0;  // Σ w²
  double error = 0.0;   // Σ (w - ŵ)²

  void add(float weight, float lost) noexcept {
    signal += static_cast<double>(weight) * static_cast<double>(weight);
    error += static_cast<double>(lost) * static_cast<double>(lost);
  }
};

class TileQuantizer {
 public:
  // `importance` has `cols` values >= 0, or is empty (all inputs matter alike). `unit` is what
  // the packed matrix multiplies its scales with. `grid` is used where the scheme has one.
  // `feedback` may be null: every weight is rounded for itself; else it outlives this, and where it
  // has its products scales and codes are looked at again.
  TileQuantizer(const PackedScheme& scheme, std::int64_t cols, float unit,
                std::span<const float> importance, const Grid& grid = {},
                const ErrorFeedback* feedback = nullptr);

  // rows: count × cols finite floats, row-major, count <= 16; writes tile number `tile` of `out`
  // and errors[0, count). Throws kInvalid, naming rows, where a scale is beyond what the scheme
  // holds.
  void quantize(const float* rows, std::int64_t count, std::int64_t tile, PackedWriter& out,
                RowError* errors);

 private:
  // Scales, or minimums: [groups][16] as the search finds them, then as the file can hold them.
  struct Factors {
    std::vector<float> values;
    std::vector<std::uint16_t> halves;
    std::vector<std::int8_t> bytes;     // two levels: values = bytes · supers
    std::vector<std::uint16_t> supers;  // [super groups][16]
  };

  void search(std::int64_t group);
  void encode(std::int64_t group);
  // The codes of input k are those next to `wanted`; `lost` gets what the weights lose (16 each).
  void encode_input(std::int64_t k, const float* wanted, float* lost);
  // What codes_ say of input k beside the scale.
  void values_of(std::int64_t k, float* values) const noexcept;
  // Scales and codes, once more beside the others as they have become.
  void improve();
  void improve_scales(std::int64_t group);
  void improve_codes(std::int64_t k);
  // The scale of a group and row that the file can hold next to `wanted`, and its form.
  struct HeldScale {
    float value;
    std::uint16_t half;
    std::int8_t byte;
  };
  HeldScale held_scale(std::int64_t group, std::int64_t row, float wanted) const noexcept;
  void round_factors(Factors& factors, std::int64_t tile) const;
  void round_two_level(Factors& factors) const;
  PackedScheme scheme_;
  std::int64_t cols_;
  std::int64_t group_size_;
  std::int64_t groups_;
  std::int64_t super_groups_;
  std::int32_t top_code_;
  float unit_;
  std::vector<float> importance_;
  float grid_[16] = {};
  float borders_[15] = {};
  RowError errors_[16];       // of the tile at hand, in units
  std::vector<float> codes_;  // [cols][16]: first the weights, in units, then their codes
  std::optional<FeedbackRows> feedback_;
  std::optional<Descent> descent_;
  std::vector<float> weights_, lost_;  // [cols][16], in units: with feedback
  std::vector<float> group_values_;    // scratch
  Factors scales_;
  Factors minimums_;
};

}  // namespace lathe
