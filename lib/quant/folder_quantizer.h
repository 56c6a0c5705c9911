// Sixteen rows in whole numbers with scales of groups, and zero points where the scheme has them,
// for folders that other programs read. One object per worker.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "quant/error_feedback.h"
#include "quant/folder_scheme.h"
#include "quant/tile_quantizer.h"

namespace lathe {

// A matrix [rows, cols] on its way to a folder: w = (code - zero) · scale.
struct GroupCodes {
  GroupCodes(const FolderScheme& scheme, std::int64_t rows, std::int64_t cols);

  std::int64_t rows;
  std::int64_t cols;
  std::int64_t groups;
  std::vector<std::uint8_t> codes;  // [rows][cols]
  std::vector<float> scales;        // [rows][groups], as the folder can hold them
  std::vector<std::uint8_t> zeros;  // [rows][groups]
};

class FolderQuantizer {
 public:
  // `cols` is a multiple of the scheme's group. `importance` and `feedback` as TileQuantizer's.
  FolderQuantizer(const FolderScheme& scheme, std::int64_t cols, std::span<const float> importance,
                  const ErrorFeedback* feedback);

  // rows: count × cols finite floats, count <= 16, which are rows [first, …) of `out`. Throws
  // kInvalid where a scale is beyond what a half holds.
  void quantize(const float* rows, std::int64_t count, std::int64_t first, GroupCodes& out,
                RowError* errors);

 private:
  void search(std::int64_t group);
  void search_zeros(std::int64_t group);
  float storable(float scale) const;
  void encode_input(std::int64_t k, const float* wanted, float* lost, RowError* errors);

  FolderScheme scheme_;
  std::int64_t cols_;
  std::vector<float> importance_;
  std::vector<float> values_;  // [cols][16]: weights, then codes
  std::vector<float> scales_;  // [groups][16]
  std::vector<float> zeros_;
  std::optional<FeedbackRows> feedback_;
};

}  // namespace lathe
