// Sixteen rows as ggml's blocks (Q8_0, Q4_0, Q4_1), for GGUF files that other programs read.
//
// The same search as for packed matrices; only the bytes differ. One object per worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "quant/tile_quantizer.h"

namespace lathe {

class GgmlQuantizer {
 public:
  // `cols` is a multiple of 32. `importance` as TileQuantizer's.
  GgmlQuantizer(DType type, std::int64_t cols, std::span<const float> importance);

  // rows: count × cols finite floats, count <= 16. `out` has their bytes, row after row. Throws
  // kInvalid where a scale is beyond what a half holds.
  void quantize(const float* rows, std::int64_t count, std::span<std::byte> out, RowError* errors);

 private:
  void encode_group(std::int64_t group, std::int64_t count, std::span<std::byte> out,
                    RowError* errors);

  DType type_;
  std::int64_t cols_;
  std::vector<float> importance_;
  std::vector<float> values_;  // one group, [32][16]: weights, then codes
};

}  // namespace lathe
