#include "tensor/dequantize.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "lathe/error.h"

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

// 64 blocks of pseudo-random bytes against the decoder of the Python package `gguf`, whose
// floats are hashed (FNV-1a, 64 bits): equal hashes mean equal bits.
struct Reference {
  DType dtype;
  int second_scale;  // offset of m or dmin, -1 without
  int first_scale;
  std::uint64_t hash;
};

class AgainstPython : public ::testing::TestWithParam<Reference> {};

TEST_P(AgainstPython, GivesTheSameBits) {
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
    const int offsets[] = {ref.first_scale, ref.second_scale};
    for (std::size_t k = 0; k < 2; ++k) {
      if (offsets[k] < 0) continue;
      std::uint8_t* at = bytes.data() + b * size + static_cast<std::size_t>(offsets[k]);
      at[0] = static_cast<std::uint8_t>(b * 7 + k * 3);
      at[1] = static_cast<std::uint8_t>((0x2c + (b + k) % 8) | ((b & 1) << 7));
    }
  }
  std::vector<float> out(kBlocks * static_cast<std::size_t>(info.block));
  decode_to_f32(ref.dtype, std::as_bytes(std::span(bytes)), out);
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::byte b : std::as_bytes(std::span(out))) {
    hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  }
  EXPECT_EQ(hash, ref.hash);
}

INSTANTIATE_TEST_SUITE_P(Blocks, AgainstPython,
                         ::testing::Values(Reference{DType::kQ4_0, -1, 0, 0x9884e83e1c23b4e2u},
                                           Reference{DType::kQ4_1, 2, 0, 0xcb1e64cadb7c17e2u},
                                           Reference{DType::kQ5_0, -1, 0, 0xcb3de7a58b20dbe3u},
                                           Reference{DType::kQ5_1, 2, 0, 0x96580825090402b9u},
                                           Reference{DType::kQ8_0, -1, 0, 0xd98c6912168464c5u},
                                           Reference{DType::kQ4_K, 2, 0, 0xdf0aa2b99b3f2ebbu},
                                           Reference{DType::kQ5_K, 2, 0, 0x096118860c6868f9u},
                                           Reference{DType::kQ6_K, -1, 208, 0x203378ff44594a5eu}),
                         [](const auto& info) {
                           return std::string(dtype_info(info.param.dtype).name);
                         });

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

// Every half that is NaN or infinite, in every scale of every block type.
TEST(FindBadScale, FindsNanAndInfinityInEveryType) {
  const struct {
    DType dtype;
    std::vector<std::size_t> scales;
  } cases[] = {{DType::kQ4_0, {0}},    {DType::kQ4_1, {0, 2}}, {DType::kQ5_0, {0}},
               {DType::kQ5_1, {0, 2}}, {DType::kQ8_0, {0}},    {DType::kQ4_K, {0, 2}},
               {DType::kQ5_K, {0, 2}}, {DType::kQ6_K, {208}}};
  for (const auto& c : cases) {
    const auto size = static_cast<std::size_t>(dtype_info(c.dtype).bytes);
    std::vector<std::uint8_t> bytes(3 * size, 0xff);
    const auto set = [&](std::size_t block, std::size_t at, std::uint16_t half) {
      std::memcpy(bytes.data() + block * size + at, &half, sizeof half);
    };
    for (std::size_t b = 0; b < 3; ++b) {
      for (const std::size_t at : c.scales) set(b, at, kOne);
    }
    EXPECT_EQ(find_bad_scale(c.dtype, std::as_bytes(std::span(bytes))), std::nullopt);
    for (const std::size_t at : c.scales) {
      for (const std::uint16_t bad : kBadHalves) {
        set(2, at, bad);
        EXPECT_EQ(find_bad_scale(c.dtype, std::as_bytes(std::span(bytes))), 2u)
            << dtype_info(c.dtype).name << " offset " << at;
        set(2, at, kOne);
      }
    }
  }
}

}  // namespace
}  // namespace lathe
