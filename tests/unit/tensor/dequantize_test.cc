#include "tensor/dequantize.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "lathe/error.h"

#include "support/block_scales.h"
#include "tensor/blocks/codebook_blocks.h"
#include "tensor/blocks/grid_blocks.h"
#include "tensor/float16.h"
#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

constexpr std::uint16_t kOne = 0x3c00;  // halves
constexpr std::uint16_t kHalf = 0x3800;
constexpr std::uint16_t kTwo = 0x4000;
constexpr std::uint16_t kMinusOne = 0xbc00;
constexpr std::uint16_t kBadHalves[] = {0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff};  // inf, -inf, NaNs

template <typename Block>
std::vector<float> decode_one(DType dtype, const Block& block) {
  std::vector<float> out(static_cast<std::size_t>(dtype_info(dtype).block));
  decode_to_f32(dtype, std::as_bytes(std::span(&block, 1)), out);
  return out;
}

// Each expected value below was worked out from the drawing in ggml_blocks.h.

TEST(Dequantize, Q4_0PutsElementSixteenInTheHighNibble) {
  BlockQ4_0 b{};
  b.d = kHalf;
  b.qs[0] = 0xf0;  // q(0) = 0, q(16) = 15
  b.qs[15] = 0x89;
  const auto x = decode_one(DType::kQ4_0, b);
  EXPECT_EQ(x[0], -4.0f);
  EXPECT_EQ(x[16], 3.5f);
  EXPECT_EQ(x[15], 0.5f);
  EXPECT_EQ(x[31], 0.0f);
  EXPECT_EQ(x[1], -4.0f);
}

TEST(Dequantize, Q4_1AddsTheMinimum) {
  BlockQ4_1 b{};
  b.d = kHalf;
  b.m = kMinusOne;
  b.qs[3] = 0x2f;
  const auto x = decode_one(DType::kQ4_1, b);
  EXPECT_EQ(x[3], 6.5f);
  EXPECT_EQ(x[19], 0.0f);
  EXPECT_EQ(x[0], -1.0f);
}

TEST(Dequantize, Q5_0TakesTheFifthBitFromQh) {
  BlockQ5_0 b{};
  b.d = kOne;
  b.qh[0] = 0x02;  // element 1
  b.qh[2] = 0x02;  // element 17
  b.qh[3] = 0x80;  // element 31
  b.qs[1] = 0x53;
  const auto x = decode_one(DType::kQ5_0, b);
  EXPECT_EQ(x[1], 3.0f);   // 16 + 3 - 16
  EXPECT_EQ(x[17], 5.0f);  // 16 + 5 - 16
  EXPECT_EQ(x[31], 0.0f);  // 16 + 0 - 16
  EXPECT_EQ(x[0], -16.0f);
}

TEST(Dequantize, Q5_1HasFiveBitsAndAMinimum) {
  BlockQ5_1 b{};
  b.d = kTwo;
  b.m = kOne;
  b.qh[1] = 0x01;  // element 8
  b.qs[8] = 0x4f;
  const auto x = decode_one(DType::kQ5_1, b);
  EXPECT_EQ(x[8], 63.0f);  // 2 · 31 + 1
  EXPECT_EQ(x[24], 9.0f);  // 2 · 4 + 1
  EXPECT_EQ(x[0], 1.0f);
}

TEST(Dequantize, Q8_0IsSigned) {
  BlockQ8_0 b{};
  b.d = kHalf;
  b.qs[0] = -128;
  b.qs[31] = 127;
  const auto x = decode_one(DType::kQ8_0, b);
  EXPECT_EQ(x[0], -64.0f);
  EXPECT_EQ(x[31], 63.5f);
}

// Scales 1..4 from bytes 0..3; scale 5 = 0b10'0101 from byte 9's low nibble and byte 1's
// upper bits; min 6 = 0b11'1010 from byte 10's high nibble and byte 6's upper bits.
TEST(Dequantize, Q4_KUnpacksItsSixBitScales) {
  BlockQ4_K b{};
  b.d = kOne;
  b.dmin = kHalf;
  b.scales[0] = 3;
  b.scales[1] = 2 | 0x80;
  b.scales[9] = 0x05;
  b.scales[4] = 10;
  b.scales[6] = 0xc0;
  b.scales[10] = 0xa0;
  b.qs[0] = 0x72;            // sub-blocks 0 and 1, element 0
  b.qs[32 * 2 + 31] = 0xe4;  // sub-blocks 4 and 5, element 31
  const auto x = decode_one(DType::kQ4_K, b);
  EXPECT_EQ(x[0], 1.0f);              // 3 · 2 - 10 / 2
  EXPECT_EQ(x[32], 14.0f);            // 2 · 7
  EXPECT_EQ(x[32 * 5 + 31], 518.0f);  // 37 · 14
  EXPECT_EQ(x[32 * 4 + 31], 0.0f);    // scale 4 is 0
  EXPECT_EQ(x[32 * 6], -29.0f);       // min 6 is 58
  EXPECT_EQ(x[32 * 7], 0.0f);
}

TEST(Dequantize, Q5_KTakesTheFifthBitOfSubBlockSFromBitS) {
  BlockQ5_K b{};
  b.d = kOne;
  b.scales[0] = 1;
  b.scales[3] = 1;
  b.scales[11] = 1;  // scale 7
  b.qh[5] = 0x80 | 0x08;
  b.qs[5] = 0x0f;           // sub-block 0, element 5
  b.qs[32 * 1 + 5] = 0x10;  // sub-block 3, element 5
  b.qs[32 * 3 + 5] = 0x30;  // sub-block 7, element 5
  const auto x = decode_one(DType::kQ5_K, b);
  EXPECT_EQ(x[5], 15.0f);
  EXPECT_EQ(x[32 * 3 + 5], 17.0f);
  EXPECT_EQ(x[32 * 7 + 5], 19.0f);
  EXPECT_EQ(x[32 * 7 + 4], 0.0f);
}

TEST(Dequantize, Q6_KSpreadsUpperBitsOverQuarters) {
  BlockQ6_K b{};
  b.d = kHalf;
  for (int s = 0; s < 16; ++s) b.scales[s] = static_cast<std::int8_t>(s - 8);
  b.ql[1] = 0x21;        // elements 1 and 65
  b.ql[64 + 32] = 0xf0;  // elements 160 and 224
  b.qh[1] = 0b00'11'00'10;
  b.qh[32] = 0b01'00'11'00;
  const auto x = decode_one(DType::kQ6_K, b);
  EXPECT_EQ(x[1], -4.0f * (1 + 32 - 32));    // scale 0 is -8
  EXPECT_EQ(x[65], -2.0f * (2 + 48 - 32));   // sub-block 4
  EXPECT_EQ(x[33], -3.0f * -32);             // sub-block 2
  EXPECT_EQ(x[160], 1.0f * (0 + 48 - 32));   // sub-block 10 (2)
  EXPECT_EQ(x[224], 3.0f * (15 + 16 - 32));  // sub-block 14 (6)
}

// 64 blocks of pseudo-random bytes against ggml and, for all types but the two that it lacks, the
// Python package `gguf`, whose floats are hashed (FNV-1a, 64 bits; -0 as 0): equal hashes mean
// equal numbers.
struct Reference {
  DType dtype;
  std::uint64_t hash;
};

class AgainstGgml : public ::testing::TestWithParam<Reference> {};

TEST_P(AgainstGgml, GivesTheSameBits) {
  const Reference& ref = GetParam();
  constexpr std::size_t kBlocks = 64;
  const DTypeInfo& info = dtype_info(ref.dtype);
  const auto size = static_cast<std::size_t>(info.bytes);
  std::vector<std::uint8_t> bytes(kBlocks * size);
  std::uint32_t lcg = 12345;
  for (auto& b : bytes) {
    lcg = lcg * 1664525u + 1013904223u;
    b = static_cast<std::uint8_t>(lcg >> 24);
  }
  for (std::size_t b = 0; b < kBlocks; ++b) {
    for (std::size_t k = 0; k < 2; ++k) {
      const std::size_t half = ((b * 7 + k * 3) & 255) | ((0x2c + (b + k) % 8) | ((b & 1) << 7))
                                                             << 8;
      test::set_block_scale(ref.dtype, bytes.data() + b * size, static_cast<std::uint16_t>(half),
                            k);
    }
  }
  std::vector<float> out(kBlocks * static_cast<std::size_t>(info.block));
  decode_to_f32(ref.dtype, std::as_bytes(std::span(bytes)), out);
  for (float& x : out) x += 0.0f;
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::byte b : std::as_bytes(std::span(out))) {
    hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  }
  EXPECT_EQ(hash, ref.hash);
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, AgainstGgml,
    ::testing::Values(
        Reference{DType::kQ4_0, 0x5f031c40cb6d65e2u}, Reference{DType::kQ4_1, 0xcb1e64cadb7c17e2u},
        Reference{DType::kQ5_0, 0x1f01233530cd84e3u}, Reference{DType::kQ5_1, 0x96580825090402b9u},
        Reference{DType::kQ8_0, 0x68cf13a3fed4ecc5u}, Reference{DType::kQ4_K, 0xdf0aa2b99b3f2ebbu},
        Reference{DType::kQ5_K, 0x096118860c6868f9u}, Reference{DType::kQ6_K, 0x053376fb1028835eu},
        Reference{DType::kQ2_K, 0xccdb66d506f399e2u}, Reference{DType::kQ3_K, 0x15cf8ac2fe5c5516u},
        Reference{DType::kIQ4_NL, 0xb463d0010cc8ac7bu},
        Reference{DType::kIQ4_XS, 0xb17c568bd16e6f6cu},
        Reference{DType::kMXFP4, 0x06d5da9f17e9b251u},
        Reference{DType::kNVFP4, 0xe0fe9d2ebd424b83u},
        Reference{DType::kTQ1_0, 0xa3ac37458e7f3bdcu},
        Reference{DType::kTQ2_0, 0x4f2dca3d902195b1u}, Reference{DType::kQ1_0, 0xe160e5652c0fa7a5u},
        Reference{DType::kQ2_0, 0x135cac704f8f9d20u},
        Reference{DType::kIQ2_XXS, 0x9903d84d4b19a3aau},
        Reference{DType::kIQ2_XS, 0x91e2c053435f9c23u},
        Reference{DType::kIQ2_S, 0x2938679132696c3du},
        Reference{DType::kIQ3_XXS, 0xe25870c98e9821fcu},
        Reference{DType::kIQ3_S, 0x4386c38c34cbb11bu},
        Reference{DType::kIQ1_S, 0x4887d87af0d23486u},
        Reference{DType::kIQ1_M, 0x0306e8c2a0257347u}),
    [](const auto& info) { return std::string(dtype_info(info.param.dtype).name); });

TEST(Dequantize, DecodesPlainTypes) {
  const std::int16_t i16[] = {-32768, 32767};
  float out[2];
  decode_to_f32(DType::kI16, std::as_bytes(std::span(i16)), out);
  EXPECT_EQ(out[0], -32768.0f);
  EXPECT_EQ(out[1], 32767.0f);
  const double f64[] = {0.1, -1e300};
  decode_to_f32(DType::kF64, std::as_bytes(std::span(f64)), out);
  EXPECT_EQ(out[0], 0.1f);
  EXPECT_EQ(out[1], -std::numeric_limits<float>::infinity());
  const std::uint8_t truth[] = {0, 7};
  decode_to_f32(DType::kBool, std::as_bytes(std::span(truth)), out);
  EXPECT_EQ(out[1], 1.0f);
}

TEST(Dequantize, ReadsFromAnyAddress) {
  std::vector<std::byte> bytes(1 + sizeof(BlockQ8_0));
  BlockQ8_0 b{};
  b.d = kOne;
  b.qs[7] = 9;
  std::memcpy(bytes.data() + 1, &b, sizeof b);
  std::vector<float> out(32);
  decode_to_f32(DType::kQ8_0, std::span(bytes).subspan(1), out);
  EXPECT_EQ(out[7], 9.0f);
}

TEST(Dequantize, RefusesSizesThatDisagree) {
  std::vector<std::byte> bytes(34);
  std::vector<float> out(31);
  try {
    decode_to_f32(DType::kQ8_0, bytes, out);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBug);
  }
}

TEST(Encode, CountsWhatOverflows) {
  const float in[] = {
      1.0f, 65504.0f, 65520.0f, -1e6f, std::numeric_limits<float>::infinity(), std::nanf("")};
  std::vector<std::byte> out(12);
  EXPECT_EQ(encode_from_f32(DType::kF16, in, out), 2u);
  float back[6];
  decode_to_f32(DType::kF16, out, back);
  EXPECT_EQ(back[0], 1.0f);
  EXPECT_EQ(back[1], 65504.0f);
  EXPECT_TRUE(std::isinf(back[2]));
  EXPECT_TRUE(std::isnan(back[5]));
  EXPECT_EQ(encode_from_f32(DType::kBF16, in, out), 0u);
  decode_to_f32(DType::kBF16, out, back);
  EXPECT_EQ(back[3], -999424.0f);  // eight bits of mantissa
}

TEST(Encode, RefusesBlockTypes) {
  const std::vector<float> in(32);
  std::vector<std::byte> out(34);
  try {
    encode_from_f32(DType::kQ8_0, in, out);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
  }
}

// Every half that is NaN or infinite, in every scale of every block type that has such.
TEST(FindBadScale, FindsNanAndInfinityInEveryType) {
  for (const DType dtype : test::kBlockTypes) {
    const auto size = static_cast<std::size_t>(dtype_info(dtype).bytes);
    std::vector<std::uint8_t> bytes(3 * size, 0xff);
    const auto set = [&](std::size_t block, std::size_t which, std::uint16_t half) {
      test::set_block_scale(dtype, bytes.data() + block * size, half, which);
    };
    const auto bad_block = [&] { return find_bad_scale(dtype, std::as_bytes(std::span(bytes))); };
    const std::size_t scales = test::half_offsets(dtype).size();
    for (std::size_t b = 0; b < 3; ++b) {
      for (const std::size_t which : {0, 1}) set(b, which, kOne);
    }
    EXPECT_EQ(bad_block(), std::nullopt) << dtype_info(dtype).name;
    for (std::size_t which = 0; which < scales; ++which) {
      for (const std::uint16_t bad : kBadHalves) {
        set(2, which, bad);
        EXPECT_EQ(bad_block(), 2u) << dtype_info(dtype).name << " scale " << which;
        set(2, which, kOne);
      }
    }
  }
}

TEST(FindBadScale, FindsScalesThatAreNoHalves) {
  const auto bad_block = [](DType dtype, const auto& blocks) {
    return find_bad_scale(dtype, std::as_bytes(std::span(blocks)));
  };
  BlockMXFP4 mx[2] = {};
  mx[1].e = 251;  // 12 · 2^124 is a float
  EXPECT_EQ(bad_block(DType::kMXFP4, mx), std::nullopt);
  EXPECT_EQ(decode_one(DType::kMXFP4, BlockMXFP4{251, {7}})[0], 6.0f * 0x1p124f);
  for (const int e : {252, 254, 255}) {
    mx[1].e = static_cast<std::uint8_t>(e);
    EXPECT_EQ(bad_block(DType::kMXFP4, mx), 1u);
  }
  BlockNVFP4 nv[2] = {};
  nv[1].d[3] = 126;
  EXPECT_EQ(bad_block(DType::kNVFP4, nv), std::nullopt);
  EXPECT_EQ(decode_one(DType::kNVFP4, BlockNVFP4{{126}, {7}})[0], 6.0f * 448.0f);
  for (const int d : {127, 128, 255}) {
    nv[1].d[3] = static_cast<std::uint8_t>(d);
    EXPECT_EQ(bad_block(DType::kNVFP4, nv), 1u);
  }
  BlockIQ1_M one[2] = {};
  one[1].scales[3] = 0x7000;
  EXPECT_EQ(bad_block(DType::kIQ1_M, one), std::nullopt);
  one[1].scales[2] = 0xc000;
  EXPECT_EQ(bad_block(DType::kIQ1_M, one), 1u);
}

TEST(Dequantize, SmallestScalesAreExact) {
  EXPECT_EQ(decode_one(DType::kMXFP4, BlockMXFP4{0, {1}})[0], 0x1p-128f);
  EXPECT_EQ(decode_one(DType::kMXFP4, BlockMXFP4{1, {0x10}})[16], 0x1p-127f);
  for (int d = 0; d < 16; ++d) {
    const auto x = decode_one(DType::kNVFP4, BlockNVFP4{{static_cast<std::uint8_t>(d)}, {2}});
    // Below 8 without a leading one, from there on with it: the steps are the same.
    EXPECT_EQ(x[0], static_cast<float>(d) * 0x1p-9f) << d;
  }
}

}  // namespace
}  // namespace lathe
