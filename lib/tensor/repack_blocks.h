// Quantized blocks as packed matrices: the same numbers in the kernels' layout. block_types.h says
// which scheme holds which type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/dtype.h"

#include "tensor/block_types.h"
#include "tensor/packed_layout.h"

namespace lathe {

// The scheme that holds a block type, or nothing for other types.
std::optional<PackedScheme> packed_scheme_of(DType type) noexcept;

// Re-expresses sixteen rows at a time. One object per thread: it keeps scratch memory.
class BlockRepacker {
 public:
  // `type` has a packed scheme; `cols` is a multiple of its block.
  BlockRepacker(DType type, std::int64_t cols);

  // For a matrix of such blocks; `out` as PackedWriter's.
  static PackedWriter writer(DType type, std::int64_t rows, std::int64_t cols,
                             std::span<std::byte> out);

  // rows: `count` <= 16 whole rows of blocks, tight; they become tile number `tile`.
  void repack(const std::byte* rows, std::int64_t count, std::int64_t tile, PackedWriter& out);

 private:
  const BlockType& type_;
  std::int64_t cols_;
  std::int64_t blocks_;
  std::int64_t row_bytes_;
  std::vector<std::uint8_t> codes_;       // [16][cols]
  std::vector<std::uint16_t> halves_[2];  // scales and minimums, [groups][16]
  std::vector<std::int8_t> bytes_[2];     // [groups][16]
  std::vector<std::uint16_t> supers_[2];  // [super groups][16]
};

}  // namespace lathe
