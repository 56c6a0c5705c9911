// Quantizing weights: the search for scales, one group of sixteen rows at a time (lib/quant).
#pragma once

#include <cstdint>

namespace lathe {

// Of sixteen rows, sums over a group's inputs: h the importance, x the value, t what stands beside
// the scale in its approximation (a code, or the grid's value).
struct CodeSums {
  float error[16];  // Σ h (x - approximation)²
  float h[16], hx[16], ht[16], htt[16], hxt[16];
};

struct SearchKernels {
  // values: n × 16, element (k, row); importance: n weights >= 0 of the squared error.
  // Finds for each row what makes Σ importance · (value - approximation)² small; codes are
  // 0 … top_code (a power of two less 1, 255 at most).
  // approximation: scale · (code - (top_code + 1) / 2)
  void (*find_scales)(const float* values, const float* importance, std::int64_t n,
                      std::int32_t top_code, float* scales);
  // approximation: scale · code + minimum
  void (*find_lines)(const float* values, const float* importance, std::int64_t n,
                     std::int32_t top_code, float* scales, float* minimums);
  // Replaces values (n × 16) by the nearest codes of scale · code + minimum, as floats; signal
  // and error (16 each) are Σ value² and Σ (value - approximation)² of each row.
  void (*encode)(float* values, std::int64_t n, std::int32_t top_code, const float* scales,
                 const float* minimums, float* signal, float* error);
  // The same with approximation: scale · grid[code]; grid has 16 increasing values, borders the
  // 15 in the middle between neighbours, which lie within ±123 and more than 8 apart. Beyond
  // top_code (3, 7 or 15) the last value is repeated, and borders are infinite.
  void (*find_grid_scales)(const float* values, const float* importance, std::int64_t n,
                           std::int32_t top_code, const float* grid, const float* borders,
                           float* scales);
  void (*encode_grid)(float* values, std::int64_t n, const float* grid, const float* borders,
                      const float* scales, float* signal, float* error);
  // What the codes that encode() would choose lose, and what a better scale for them follows from.
  // approximation: scale · (code - zero_code) + minimum
  void (*weigh_codes)(const float* values, const float* importance, std::int64_t n,
                      std::int32_t top_code, std::int32_t zero_code, const float* scales,
                      const float* minimums, CodeSums* sums);
  // out[16 k + r] = rows[r · stride + k] · factor for k < n, r < count <= 16; 0 for other r.
  void (*transpose_tile)(const float* rows, std::int64_t stride, std::int64_t count, std::int64_t n,
                         float factor, float* out);
};

}  // namespace lathe
