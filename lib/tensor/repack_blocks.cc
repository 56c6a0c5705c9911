#include "tensor/repack_blocks.h"

namespace lathe {

std::optional<PackedScheme> packed_scheme_of(DType type) noexcept {
  const BlockType* block = find_block_type(type);
  return block == nullptr ? std::nullopt : std::optional(block->scheme);
}

BlockRepacker::BlockRepacker(DType type, std::int64_t cols)
    : type_(*find_block_type(type)), cols_(cols) {
  const DTypeInfo& info = dtype_info(type);
  blocks_ = cols / info.block;
  row_bytes_ = blocks_ * info.bytes;
  // Rows that a last tile lacks stay zero.
  codes_.resize(static_cast<std::size_t>(16 * cols));
  const PackedScheme& scheme = type_.scheme;
  const auto groups = static_cast<std::size_t>(16 * (cols / scheme.group));
  for (int which = 0; which < (scheme.minimums ? 2 : 1); ++which) {
    if (scheme.form == ScaleForm::kHalf) {
      halves_[which].resize(groups);
      continue;
    }
    bytes_[which].resize(groups);
    if (scheme.form == ScaleForm::kTwoLevel) {
      supers_[which].resize(static_cast<std::size_t>(16 * (cols / kPackedSuperGroup)));
    }
  }
}

PackedWriter BlockRepacker::writer(DType type, std::int64_t rows, std::int64_t cols,
                                   std::span<std::byte> out) {
  const BlockType& block = *find_block_type(type);
  return PackedWriter(block.scheme, rows, cols, block.unit_exponent, block.grid, out);
}

void BlockRepacker::repack(const std::byte* rows, std::int64_t count, std::int64_t tile,
                           PackedWriter& out) {
  for (std::int64_t r = 0; r < count; ++r) {
    BlockRow row;
    row.codes = codes_.data() + r * cols_;
    row.step = 16;
    for (int which = 0; which < 2; ++which) {
      row.halves[which] = halves_[which].data() + r;
      row.bytes[which] = bytes_[which].data() + r;
      row.supers[which] = supers_[which].data() + r;
    }
    type_.read(rows + r * row_bytes_, blocks_, row);
  }
  const auto section = [&](int which) {
    const auto pointer = [](const auto& v) { return v.empty() ? nullptr : v.data(); };
    return PackedTile::Section{pointer(halves_[which]), pointer(bytes_[which]),
                               pointer(supers_[which])};
  };
  PackedTile packed;
  packed.row_codes = codes_.data();
  packed.scales = section(0);
  packed.minimums = section(1);
  out.set_tile(tile, packed);
}

}  // namespace lathe
