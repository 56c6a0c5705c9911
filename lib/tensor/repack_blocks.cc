#include "tensor/repack_blocks.h"

#include <cstring>

#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

// Where one row's numbers go: codes by input, scales and minimums by group, sixteen apart.
struct Row {
  std::uint8_t* codes;
  std::uint16_t* halves[2];
  std::int8_t* bytes[2];
  std::uint16_t* supers[2];
};

// Codes of a packed matrix are unsigned with 128 for zero where the block's are signed.
constexpr int kZero8 = 128;

template <typename Block>
Block block_at(const std::byte* row, std::int64_t index) noexcept {
  Block block;
  std::memcpy(&block, row + index * static_cast<std::int64_t>(sizeof(Block)), sizeof(block));
  return block;
}

std::uint8_t byte(int value) noexcept { return static_cast<std::uint8_t>(value); }

// The nibbles of a block of 32: element j low, element j + 16 high.
void nibbles(const std::uint8_t* qs, std::uint8_t* codes) noexcept {
  for (int j = 0; j < 16; ++j) {
    codes[j] = byte(qs[j] & 15);
    codes[j + 16] = byte(qs[j] >> 4);
  }
}

// The same with a fifth bit per element, and `offset` added.
void five_bits(const std::uint8_t* qs, const std::uint8_t* qh, int offset,
               std::uint8_t* codes) noexcept {
  std::uint32_t high;
  std::memcpy(&high, qh, sizeof(high));
  for (int j = 0; j < 16; ++j) {
    const auto upper = [&](int i) { return static_cast<int>((high >> i) & 1u) << 4; };
    codes[j] = byte(((qs[j] & 15) | upper(j)) + offset);
    codes[j + 16] = byte(((qs[j] >> 4) | upper(j + 16)) + offset);
  }
}

void read(const BlockQ4_0& b, std::int64_t i, const Row& row) noexcept {
  row.halves[0][16 * i] = b.d;
  nibbles(b.qs, row.codes + 32 * i);
}

void read(const BlockQ4_1& b, std::int64_t i, const Row& row) noexcept {
  row.halves[0][16 * i] = b.d;
  row.halves[1][16 * i] = b.m;
  nibbles(b.qs, row.codes + 32 * i);
}

void read(const BlockQ5_0& b, std::int64_t i, const Row& row) noexcept {
  row.halves[0][16 * i] = b.d;
  five_bits(b.qs, b.qh, kZero8 - 16, row.codes + 32 * i);
}

void read(const BlockQ5_1& b, std::int64_t i, const Row& row) noexcept {
  row.halves[0][16 * i] = b.d;
  row.halves[1][16 * i] = b.m;
  five_bits(b.qs, b.qh, 0, row.codes + 32 * i);
}

void read(const BlockQ8_0& b, std::int64_t i, const Row& row) noexcept {
  row.halves[0][16 * i] = b.d;
  for (int j = 0; j < 32; ++j) row.codes[32 * i + j] = byte(b.qs[j] + kZero8);
}

// The scales of Q4_K and Q5_K: x = (d·scale)·q + dmin·(-min).
template <typename Block>
void read_k_scales(const Block& b, std::int64_t i, const Row& row) noexcept {
  row.supers[0][16 * i] = b.d;
  row.supers[1][16 * i] = b.dmin;
  for (int s = 0; s < 8; ++s) {
    const KScale scale = k_scale(b.scales, s);
    row.bytes[0][16 * (8 * i + s)] = static_cast<std::int8_t>(scale.scale);
    row.bytes[1][16 * (8 * i + s)] = static_cast<std::int8_t>(-scale.min);
  }
}

void read(const BlockQ4_K& b, std::int64_t i, const Row& row) noexcept {
  read_k_scales(b, i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int g = 0; g < 4; ++g) {
    for (int l = 0; l < 32; ++l) {
      codes[64 * g + l] = byte(b.qs[32 * g + l] & 15);
      codes[64 * g + 32 + l] = byte(b.qs[32 * g + l] >> 4);
    }
  }
}

void read(const BlockQ5_K& b, std::int64_t i, const Row& row) noexcept {
  read_k_scales(b, i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int g = 0; g < 4; ++g) {
    for (int l = 0; l < 32; ++l) {
      const auto fifth = [&](int s) { return ((b.qh[l] >> s) & 1) << 4; };
      codes[64 * g + l] = byte((b.qs[32 * g + l] & 15) | fifth(2 * g));
      codes[64 * g + 32 + l] = byte((b.qs[32 * g + l] >> 4) | fifth(2 * g + 1));
    }
  }
}

void read(const BlockQ6_K& b, std::int64_t i, const Row& row) noexcept {
  row.supers[0][16 * i] = b.d;
  for (int s = 0; s < 16; ++s) row.bytes[0][16 * (16 * i + s)] = b.scales[s];
  std::uint8_t* codes = row.codes + 256 * i;
  for (int h = 0; h < 2; ++h) {
    for (int k = 0; k < 4; ++k) {
      for (int l = 0; l < 32; ++l) {
        const int low = b.ql[64 * h + 32 * (k % 2) + l] >> (k < 2 ? 0 : 4) & 15;
        const int high = (b.qh[32 * h + l] >> (2 * k) & 3) << 4;
        codes[128 * h + 32 * k + l] = byte((low | high) + kZero8 - 32);
      }
    }
  }
}

template <typename Block>
void read_row(const std::byte* row, std::int64_t blocks, const Row& out) noexcept {
  for (std::int64_t i = 0; i < blocks; ++i) read(block_at<Block>(row, i), i, out);
}

}  // namespace

std::optional<PackedScheme> packed_scheme_of(DType type) noexcept {
  switch (type) {
    case DType::kQ4_0:
      return PackedScheme{4, 32, ScaleForm::kHalf, false, false};
    case DType::kQ4_1:
      return PackedScheme{4, 32, ScaleForm::kHalf, true, false};
    case DType::kQ5_0:
    case DType::kQ8_0:
      return PackedScheme{8, 32, ScaleForm::kHalf, false, false};
    case DType::kQ5_1:
      return PackedScheme{8, 32, ScaleForm::kHalf, true, false};
    case DType::kQ4_K:
      return PackedScheme{4, 32, ScaleForm::kTwoLevel, true, false};
    case DType::kQ5_K:
      return PackedScheme{8, 32, ScaleForm::kTwoLevel, true, false};
    case DType::kQ6_K:
      return PackedScheme{8, 16, ScaleForm::kTwoLevel, false, false};
    default:
      return std::nullopt;
  }
}

BlockRepacker::BlockRepacker(DType type, std::int64_t cols) : type_(type), cols_(cols) {
  const DTypeInfo& info = dtype_info(type);
  const PackedScheme scheme = *packed_scheme_of(type);
  row_bytes_ = cols / info.block * info.bytes;
  // Rows that a last tile lacks stay zero.
  codes_.resize(static_cast<std::size_t>(16 * cols));
  const auto groups = static_cast<std::size_t>(16 * (cols / scheme.group));
  for (int which = 0; which < (scheme.minimums ? 2 : 1); ++which) {
    if (scheme.form == ScaleForm::kHalf) {
      halves_[which].resize(groups);
    } else {
      bytes_[which].resize(groups);
      supers_[which].resize(static_cast<std::size_t>(16 * (cols / kPackedSuperGroup)));
    }
  }
}

void BlockRepacker::repack(const std::byte* rows, std::int64_t count, std::int64_t tile,
                           PackedWriter& out) {
  const std::int64_t blocks = cols_ / dtype_info(type_).block;
  for (std::int64_t r = 0; r < count; ++r) {
    Row row = {};
    row.codes = codes_.data() + r * cols_;
    for (int which = 0; which < 2; ++which) {
      row.halves[which] = halves_[which].data() + r;
      row.bytes[which] = bytes_[which].data() + r;
      row.supers[which] = supers_[which].data() + r;
    }
    const std::byte* from = rows + r * row_bytes_;
    switch (type_) {
      case DType::kQ4_0:
        read_row<BlockQ4_0>(from, blocks, row);
        break;
      case DType::kQ4_1:
        read_row<BlockQ4_1>(from, blocks, row);
        break;
      case DType::kQ5_0:
        read_row<BlockQ5_0>(from, blocks, row);
        break;
      case DType::kQ5_1:
        read_row<BlockQ5_1>(from, blocks, row);
        break;
      case DType::kQ8_0:
        read_row<BlockQ8_0>(from, blocks, row);
        break;
      case DType::kQ4_K:
        read_row<BlockQ4_K>(from, blocks, row);
        break;
      case DType::kQ5_K:
        read_row<BlockQ5_K>(from, blocks, row);
        break;
      default:
        read_row<BlockQ6_K>(from, blocks, row);
    }
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
