// A packed matrix made of ggml's blocks holds the numbers that decoding the blocks gives.
#include "tensor/repack_blocks.h"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "tensor/dequantize.h"

namespace lathe {
namespace {

constexpr std::array<std::int8_t, 16> kNoGrid = {};

// Offsets of the halves in a block.
std::vector<std::size_t> halves_of(DType type) {
  switch (type) {
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {0, 2};
    case DType::kQ6_K:
      return {208};
    default:
      return {0};
  }
}

class RepackBlocks : public ::testing::TestWithParam<DType> {};

INSTANTIATE_TEST_SUITE_P(Types, RepackBlocks,
                         ::testing::Values(DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                                           DType::kQ8_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K),
                         [](const auto& info) { return std::string(dtype_info(info.param).name); });

TEST_P(RepackBlocks, KeepsEveryNumber) {
  constexpr std::int64_t kRows = 37;
  constexpr std::int64_t kCols = 768;
  const DTypeInfo& info = dtype_info(GetParam());
  const auto row_bytes = static_cast<std::size_t>(kCols / info.block * info.bytes);
  std::vector<std::byte> blocks(kRows * row_bytes);
  std::mt19937 generator(1);
  for (std::byte& b : blocks) b = static_cast<std::byte>(generator());
  for (std::size_t at = 0; at < blocks.size(); at += static_cast<std::size_t>(info.bytes)) {
    for (const std::size_t half : halves_of(GetParam())) {
      // Any finite half, subnormal ones and both signs included.
      auto& high = blocks[at + half + 1];
      if ((high & std::byte{0x7c}) == std::byte{0x7c}) high ^= std::byte{0x40};
    }
  }
  const PackedScheme scheme = *packed_scheme_of(GetParam());
  std::vector<std::byte> storage(*packed_bytes(scheme, kRows, kCols) + 64);
  const auto at = reinterpret_cast<std::uintptr_t>(storage.data());
  const auto out = std::span(storage).subspan((64 - at % 64) % 64, storage.size() - 64);
  PackedWriter writer(scheme, kRows, kCols, 0, kNoGrid, out);
  BlockRepacker repacker(GetParam(), kCols);
  for (std::int64_t tile = 0; tile < writer.view().tiles; ++tile) {
    repacker.repack(blocks.data() + static_cast<std::size_t>(16 * tile) * row_bytes,
                    std::min<std::int64_t>(16, kRows - 16 * tile), tile, writer);
  }
  const PackedMatrix matrix = view_packed(out, "test");
  std::vector<float> expected(kCols);
  std::vector<float> got(kCols);
  for (std::int64_t r = 0; r < kRows; ++r) {
    const auto row = std::span(blocks).subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes);
    decode_to_f32(GetParam(), row, expected);
    unpack_row(matrix, r, got.data());
    for (std::size_t k = 0; k < got.size(); ++k) {
      if (scheme.minimums) {
        // The same real number, rounded once here and twice there.
        const float scale = std::max(std::abs(expected[k]), 1e-30f);
        ASSERT_NEAR(got[k], expected[k], 2e-4f * scale + 2e-3f) << r << ' ' << k;
      } else {
        ASSERT_EQ(got[k], expected[k]) << r << ' ' << k;
      }
    }
  }
}

}  // namespace
}  // namespace lathe
