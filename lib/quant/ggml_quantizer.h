// Sixteen rows as ggml's blocks (Q8_0, Q4_0, Q4_1), for GGUF files that other programs read.
//
// The same search as for packed matrices; only the bytes differ. One object per worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "quant/error_feedback.h"
#include "quant/tile_quantizer.h"

namespace lathe {

class GgmlQuantizer {
 public:
  // `cols` is a multiple of 32. `importance` and `feedback` as TileQuantizer's.
  GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance,
                const ErrorFeedback* feedback = nullptr);

  // rows: count × cols finite floats, count <= 16. `out` has their bytes, row after row. Throws
  // kInvalid where a scale is beyond what a half holds.
  void quantize(const float* rows, std::int64_t count, std::span<std::byte> out, RowError* errors);

 private:
  // Factors of sixteen rows, as the block holds them.
  struct Group {
    float scales[16];
    float minimums[16];
    std::uint16_t half_scales[16];
    std::uint16_t half_minimums[16];
  };

  void search(std::int64_t group);
  void encode(std::int64_t group, RowError* errors);
  void encode_input(std::int64_t k, const float* wanted, float* lost, RowError* errors);
  void store(std::int64_t group, std::int64_t count, std::span<std::byte> out) const;

  DType type_;
  std::int64_t cols_;
  std::int32_t top_code_;
  std::vector<float> importance_;
  std::vector<float> values_;  // [cols][16]: weights, then codes
  std::vector<Group> groups_;
  std::optional<FeedbackRows> feedback_;
};

}  // namespace lathe
