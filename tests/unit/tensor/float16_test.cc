#include "tensor/float16.h"

#include <cmath>
#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(Float16, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const float f = f16_to_f32(static_cast<std::uint16_t>(h));
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(f))));
    } else {
      EXPECT_EQ(f32_to_f16(f), h);
    }
  }
}

#ifdef __FLT16_MAX__
TEST(Float16, RoundsAsTheCompilerDoes) {
  // Around every half: the value, its neighbours and the midpoint to the next half.
  for (std::uint32_t h = 0; h < 0x7c00; ++h) {
    const float f = f16_to_f32(static_cast<std::uint16_t>(h));
    const float next = f16_to_f32(static_cast<std::uint16_t>(h + 1));
    const float middle = h + 1 == 0x7c00 ? 65520.0f : (f + next) / 2;
    for (const float base : {f, middle}) {
      for (const float x : {base, std::nextafterf(base, 1e9f), std::nextafterf(base, -1e9f)}) {
        const auto expected = std::bit_cast<std::uint16_t>(static_cast<_Float16>(x));
        EXPECT_EQ(f32_to_f16(x), expected) << x;
        EXPECT_EQ(f32_to_f16(-x), expected ^ 0x8000u) << -x;
      }
    }
  }
}
#endif

TEST(Float16, Bfloat16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // tie to even
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82);  // tie to even
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::nanf("")))));
}

}  // namespace
}  // namespace lathe
