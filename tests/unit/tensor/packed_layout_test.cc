// Packed tensors: the bytes of the layout worked out by hand, packing and reading back, and
// headers that must be refused.
#include "tensor/packed_layout.h"

#include <array>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "lathe/error.h"

#include "support/aligned_bytes.h"
#include "support/pack_nearest.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

using test::AlignedBytes;

constexpr std::array<std::int8_t, 16> kNoGrid = {};

// A tile whose one row of these codes is `row`, with one scale; the others are zeros.
template <typename Code>
void set_row(PackedWriter& writer, std::int64_t tile, std::size_t row, Code&& code,
             std::uint16_t scale) {
  const auto cols = static_cast<std::size_t>(writer.view().cols);
  std::vector<std::uint8_t> codes(16 * cols);
  for (std::size_t k = 0; k < cols; ++k) codes[row * cols + k] = code(k);
  std::vector<std::uint16_t> scales(16);
  scales[row] = scale;
  PackedTile packed;
  packed.row_codes = codes.data();
  packed.scales.halves = scales.data();
  writer.set_tile(tile, packed);
}

TEST(PackedLayout, PutsSixteenRowsTimesFourInputsIntoALine) {
  // 17 rows × 40 inputs: two tiles, inputs padded to 64, one group of 64.
  const PackedScheme s = {4, 64, ScaleForm::kHalf, false, false};
  // header + 2 tiles · 64/8 lines · 64 + 2 tiles · 1 group · 16 halves
  ASSERT_EQ(packed_bytes(s, 17, 40), 64u + 2 * 8 * 64 + 64);
  AlignedBytes buffer(64 + 1024 + 64);
  PackedWriter writer(s, 17, 40, -3, kNoGrid, buffer.bytes);
  const auto code = [](std::size_t k) { return static_cast<std::uint8_t>(k % 16); };
  set_row(writer, 1, 0, code, f32_to_f16(2.0f));  // row 16
  set_row(writer, 0, 2, code, f32_to_f16(2.0f));
  const std::uint8_t* w = writer.view().weights;
  // Row 2 stands at bytes 8..11 of each line; inputs 0..3 low, 4..7 high.
  EXPECT_EQ(w[8], 0x40);
  EXPECT_EQ(w[11], 0x73);
  EXPECT_EQ(w[64 + 8], 0xc8);  // inputs 8 and 12
  EXPECT_EQ(w[512], 0x40);     // row 16
  EXPECT_EQ(w[0], 0);
  const auto* scales = static_cast<const std::uint16_t*>(writer.view().scales);
  EXPECT_EQ(scales[2], f32_to_f16(2.0f));
  EXPECT_EQ(scales[16], f32_to_f16(2.0f));
  const PackedMatrix m = view_packed(buffer.bytes, "m");
  EXPECT_EQ(m.rows, 17);
  EXPECT_EQ(m.cols, 40);
  EXPECT_EQ(m.scheme, s);
  std::vector<float> out(40);
  unpack_row(m, 16, out.data());
  EXPECT_EQ(out[0], 2.0f * -8 / 8);
  EXPECT_EQ(out[13], 2.0f * 5 / 8);
}

TEST(PackedLayout, StandsEightBitCodesFourInputsToAWord) {
  const PackedScheme s = {8, 0, ScaleForm::kHalf, false, false};
  ASSERT_EQ(packed_bytes(s, 5, 33), 64u + 16 * 64 + 64);
  AlignedBytes buffer(64 + 1024 + 64);
  PackedWriter writer(s, 5, 33, 0, kNoGrid, buffer.bytes);
  const auto code = [](std::size_t k) { return static_cast<std::uint8_t>(100 + k); };
  set_row(writer, 0, 1, code, f32_to_f16(0.5f));
  const std::uint8_t* w = writer.view().weights;
  EXPECT_EQ(w[4], 100);
  EXPECT_EQ(w[7], 103);
  EXPECT_EQ(w[64 + 4], 104);
  EXPECT_EQ(w[8 * 64 + 4], 132);
  std::vector<float> out(33);
  unpack_row(view_packed(buffer.bytes, "m"), 1, out.data());
  EXPECT_EQ(out[32], 0.5f * (132 - 128));
}

TEST(PackedLayout, PutsPlanesOfBitsIntoLinesOfTheirOwn) {
  for (const CodeWidth& width : kCodeWidths) {
    const PackedScheme s = {width.bits, 32, ScaleForm::kHalf, false, false};
    const std::size_t weights = 32u * 16 * width.bits / 8;
    ASSERT_EQ(packed_bytes(s, 16, 32), 64 + weights + 64);
    AlignedBytes buffer(64 + weights + 64);
    PackedWriter writer(s, 16, 32, 0, kNoGrid, buffer.bytes);
    const auto code = [&](std::size_t k) {
      return static_cast<std::uint8_t>((k * 7 + 3) % (1u << width.bits));
    };
    set_row(writer, 0, 2, code, f32_to_f16(1.0f));
    const std::uint8_t* w = writer.view().weights;
    const auto quads = static_cast<std::size_t>(block_quads(width));
    const auto lines = static_cast<std::size_t>(block_lines(width));
    // Bits of a plane, in lines from `line` on of quad q's block.
    const auto bits_of = [&](std::size_t line, std::size_t bits, std::size_t k) -> unsigned {
      if (bits == 0) return 0;
      const std::size_t per_line = 8 / bits;
      const std::size_t q = k / 4 % quads;
      const std::size_t at = k / 4 / quads * lines + line + q / per_line;
      return w[at * 64 + 2 * 4 + k % 4] >> (q % per_line * bits) & ((1u << bits) - 1);
    };
    for (std::size_t k = 0; k < 32; ++k) {
      const unsigned low = bits_of(0, width.planes[0], k);
      const unsigned high = bits_of(quads * width.planes[0] / 8, width.planes[1], k);
      EXPECT_EQ(low | high << width.planes[0], code(k)) << int{width.bits} << ", input " << k;
    }
    std::vector<float> out(32);
    unpack_row(view_packed(buffer.bytes, "m"), 2, out.data());
    for (std::size_t k = 0; k < 32; ++k) EXPECT_EQ(out[k], code(k) - (1 << (width.bits - 1)));
  }
}

TEST(PackedLayout, NearestPackingIsAsCloseAsItsStep) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0.0f, 1e-4f);
  constexpr std::int64_t kRows = 20;
  constexpr std::int64_t kCols = 300;
  std::vector<float> w(kRows * kCols);
  for (float& x : w) x = normal(generator);
  double before = 1.0;
  // In the order of growing accuracy.
  for (const PackedScheme& s : {PackedScheme{4, 128, ScaleForm::kHalf, false, false},
                                PackedScheme{4, 32, ScaleForm::kTwoLevel, false, false},
                                PackedScheme{4, 32, ScaleForm::kHalf, true, false},
                                PackedScheme{8, 0, ScaleForm::kHalf, false, false},
                                PackedScheme{8, 16, ScaleForm::kTwoLevel, false, false}}) {
    AlignedBytes buffer(*packed_bytes(s, kRows, kCols));
    test::pack_nearest(s, w.data(), kRows, kCols, kNoGrid, buffer.bytes);
    const PackedMatrix m = view_packed(buffer.bytes, "m");
    std::vector<float> row(kCols);
    double error = 0;
    double size = 0;
    for (std::int64_t r = 0; r < kRows; ++r) {
      unpack_row(m, r, row.data());
      for (std::int64_t k = 0; k < kCols; ++k) {
        const double real = w[static_cast<std::size_t>(r * kCols + k)];
        error += std::pow(row[static_cast<std::size_t>(k)] - real, 2);
        size += real * real;
      }
    }
    const double relative = error / size;
    EXPECT_LT(relative, before);
    EXPECT_LT(relative, s.bits == 4 ? 0.012 : 1e-4);
    before = relative;
  }
}

TEST(PackedLayout, RefusesUnsoundBytes) {
  const PackedScheme s = {4, 32, ScaleForm::kTwoLevel, true, false};
  AlignedBytes buffer(*packed_bytes(s, 16, 64));
  const std::vector<float> w(16 * 64, 0.5f);
  test::pack_nearest(s, w.data(), 16, 64, kNoGrid, buffer.bytes);
  EXPECT_NO_THROW(view_packed(buffer.bytes, "m"));
  const auto expect_refused = [&](std::size_t at, std::vector<std::uint8_t> bytes) {
    AlignedBytes broken(buffer.bytes.size());
    std::memcpy(broken.bytes.data(), buffer.bytes.data(), buffer.bytes.size());
    std::memcpy(broken.bytes.data() + at, bytes.data(), bytes.size());
    try {
      view_packed(broken.bytes, "m");
      ADD_FAILURE() << "accepted with byte " << at << " changed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
    }
  };
  expect_refused(0, {'G'});
  expect_refused(4, {7});                        // bits
  expect_refused(5, {2});                        // form
  expect_refused(6, {3});                        // minimums and grid
  expect_refused(6, {5});                        // wide inputs beside 4 bits
  expect_refused(6, {8});                        // an order without room for it
  expect_refused(6, {16});                       // no such flag
  expect_refused(7, {3});                        // spans that there are not
  expect_refused(8, {33});                       // group
  expect_refused(8, {0});                        // two levels of a whole row
  expect_refused(14, {1});                       // unit exponent
  expect_refused(16, {0});                       // no rows
  expect_refused(16, {17});                      // another size
  expect_refused(23, {0x80});                    // negative
  expect_refused(16, {0, 0, 0, 0, 0, 0, 0, 1});  // huge
  expect_refused(64 + 8 * 64 + 64, {0, 0x7c});   // an infinite super-scale
  EXPECT_THROW(view_packed(buffer.bytes.first(buffer.bytes.size() - 64), "m"), Error);
  EXPECT_THROW(view_packed(buffer.bytes.first(63), "m"), Error);
  EXPECT_THROW(view_packed({}, "m"), Error);
  EXPECT_EQ(packed_bytes(s, 0, 64), std::nullopt);
  EXPECT_EQ(packed_bytes(s, std::int64_t{1} << 40, std::int64_t{1} << 40), std::nullopt);
}

TEST(PackedLayout, KeepsTheOrderOfInputs) {
  constexpr std::int64_t kCols = 33;
  const PackedScheme s = {8, 16, ScaleForm::kHalf, false, false};
  std::vector<std::uint32_t> order(kCols);
  for (std::uint32_t i = 0; i < kCols; ++i) order[i] = (i * 10 + 3) % kCols;
  const std::uint64_t plain = *packed_bytes(s, 5, kCols);
  ASSERT_EQ(packed_bytes(s, 5, kCols, true), plain + 192);
  AlignedBytes buffer(plain + 192);
  PackedWriter writer(s, 5, kCols, 0, kNoGrid, buffer.bytes, order);
  std::vector<std::uint8_t> codes(16 * kCols);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i % 251);
  const std::vector<std::uint16_t> scales(3 * 16, f32_to_f16(1.0f));
  PackedTile tile;
  tile.row_codes = codes.data();
  tile.scales.halves = scales.data();
  writer.set_tile(0, tile);
  const PackedMatrix m = view_packed(buffer.bytes, "m");
  ASSERT_EQ(packed_order(buffer.bytes).size(), order.size());
  std::vector<float> row(kCols);
  unpack_row(m, 4, row.data());
  to_input_order(packed_order(buffer.bytes), row.data());
  for (std::size_t place = 0; place < order.size(); ++place) {
    EXPECT_EQ(row[order[place]], static_cast<float>(codes[4 * kCols + place]) - 128.0f);
  }
  for (const std::uint32_t wrong : {order[1], std::uint32_t{kCols}}) {
    std::memcpy(buffer.bytes.data() + plain, &wrong, sizeof(wrong));
    EXPECT_THROW(parse_packed(buffer.bytes, "m"), Error);
  }
}

}  // namespace
}  // namespace lathe
