// A packed matrix made of ggml's blocks holds the numbers that decoding the blocks gives.
#include "tensor/repack_blocks.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "support/block_scales.h"
#include "tensor/dequantize.h"

namespace lathe {
namespace {

class RepackBlocks : public ::testing::TestWithParam<DType> {};

INSTANTIATE_TEST_SUITE_P(Types, RepackBlocks, ::testing::ValuesIn(test::kBlockTypes),
                         [](const auto& info) { return std::string(dtype_info(info.param).name); });

TEST_P(RepackBlocks, KeepsEveryNumber) {
  constexpr std::int64_t kRows = 37;
  constexpr std::int64_t kCols = 768;
  const DTypeInfo& info = dtype_info(GetParam());
  const auto row_bytes = static_cast<std::size_t>(kCols / info.block * info.bytes);
  std::vector<std::byte> blocks(kRows * row_bytes);
  std::mt19937 generator(1);
  for (std::byte& b : blocks) b = static_cast<std::byte>(generator());
  // Any finite scale, subnormal ones and both signs included.
  for (auto block = blocks.begin(); block != blocks.end(); block += info.bytes) {
    const auto bytes = std::span(block, static_cast<std::size_t>(info.bytes));
    while (find_bad_scale(GetParam(), bytes)) {
      for (std::byte& b : bytes) b = static_cast<std::byte>(generator());
    }
  }
  const PackedScheme scheme = *packed_scheme_of(GetParam());
  std::vector<std::byte> storage(*packed_bytes(scheme, kRows, kCols) + 64);
  const auto at = reinterpret_cast<std::uintptr_t>(storage.data());
  const auto out = std::span(storage).subspan((64 - at % 64) % 64, storage.size() - 64);
  PackedWriter writer = BlockRepacker::writer(GetParam(), kRows, kCols, out);
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
