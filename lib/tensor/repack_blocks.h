// ggml's quantized blocks as packed matrices: the same numbers in the kernels' layout.
//
//   Q4_0          4 bits, group 32, half scales         Q4_1   the same with minimums
//   Q5_0, Q8_0    8 bits, group 32, half scales         Q5_1   the same with minimums
//   Q4_K          4 bits, group 32, two levels, minimums
//   Q5_K          8 bits, group 32, two levels, minimums
//   Q6_K          8 bits, group 16, two levels
//
// Exact: a two-level scale is a small integer times the block's half, as in the K types, and
// the codes of 5 and 6 bits are codes of 8 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lathe/dtype.h"

#include "tensor/packed_layout.h"

namespace lathe {

// The scheme that holds a block type, or nothing for other types.
std::optional<PackedScheme> packed_scheme_of(DType type) noexcept;

// Re-expresses sixteen rows at a time. One object per thread: it keeps scratch memory.
class BlockRepacker {
 public:
  // `type` has a packed scheme; `cols` is a multiple of its block.
  BlockRepacker(DType type, std::int64_t cols);

  // rows: `count` <= 16 whole rows of blocks, tight; they become tile number `tile`.
  void repack(const std::byte* rows, std::int64_t count, std::int64_t tile, PackedWriter& out);

 private:
  DType type_;
  std::int64_t cols_;
  std::int64_t row_bytes_;
  std::vector<std::uint8_t> codes_;       // [16][cols]
  std::vector<std::uint16_t> halves_[2];  // scales and minimums, [groups][16]
  std::vector<std::int8_t> bytes_[2];     // [groups][16]
  std::vector<std::uint16_t> supers_[2];  // [super groups][16]
};

}  // namespace lathe
