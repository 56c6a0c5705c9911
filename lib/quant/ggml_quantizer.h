// Sixteen rows as ggml's blocks, for GGUF files that other programs read. One object per worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "quant/block_form.h"
#include "quant/block_search.h"
#include "quant/error_feedback.h"
#include "quant/tile_quantizer.h"

namespace lathe {

class GgmlQuantizer {
 public:
  // `type` is one of block_forms(), `cols` a multiple of its block. `importance` and `feedback` as
  // TileQuantizer's.
  GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance,
                const ErrorFeedback* feedback = nullptr);

  // rows: count × cols finite floats, count <= 16. `out` has their bytes, row after row. Throws
  // kInvalid where a scale is beyond what a half holds.
  void quantize(const float* rows, std::int64_t count, std::span<std::byte> out, RowError* errors);

 private:
  std::int64_t block_of(std::int64_t k) const { return k / form_.block; }
  void search(std::int64_t block);
  void encode(std::int64_t block, RowError* errors);
  void encode_input(std::int64_t k, const float* wanted, float* lost, RowError* errors);
  // The codes next to values of [n][16], in their places.
  void to_codes(float* values, std::int64_t n, const float* scales, const float* offsets) const;
  float value_of(float code, float scale, float offset) const;
  void store(std::int64_t block, std::int64_t count, std::span<std::byte> out) const;

  const BlockForm& form_;
  std::int64_t cols_;
  BlockSearch search_;
  std::vector<float> importance_;
  std::vector<float> values_;  // [cols][16]: weights, then codes
  std::vector<BlockFactors> blocks_;
  float grid_[16] = {};
  float borders_[15] = {};
  std::optional<FeedbackRows> feedback_;
};

}  // namespace lathe
