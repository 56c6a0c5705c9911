#include "model/kv_page.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "kernels/forward_kernels.h"
#include "model/rotation.h"
#include "support/random_floats.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

using test::random_floats;

constexpr std::int64_t kDims[] = {2, 20, 64, 300, 520};

bool has_codes(KvType type) { return type == KvType::kInt8 || type == KvType::kInt4; }
std::int64_t code_bytes(KvType type, std::int64_t dim) {
  return kv_code_bytes(type == KvType::kInt8 ? 8 : 4, dim);
}

std::size_t block_size(KvType type, std::int64_t dim) {
  const std::int64_t width = type == KvType::kF32 ? 4 : 2;
  if (!has_codes(type)) return static_cast<std::size_t>(kKvPageTokens * dim * width);
  return static_cast<std::size_t>(code_bytes(type, dim) + kKvPageTokens * 4);
}

// Where an element lies, and in which half of its byte.
struct Place {
  std::int64_t index;
  int shift = 0;
};

Place key_place(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!has_codes(type)) return {(t / 16 * dim + d) * 16 + t % 16};
  const std::int64_t quads = byte_block_dims(dim) / 4;
  const auto in = [&](std::int64_t line) { return (line * 16 + t % 16) * 4 + d % 4; };
  if (type == KvType::kInt8) return {in(t / 16 * quads + d / 4)};
  return {in(t / 16 * quads / 2 + d / 8), d / 4 % 2 == 0 ? 0 : 4};
}

Place value_place(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!has_codes(type)) return {t * dim + d};
  const auto in = [&](std::int64_t tile) {
    return ((tile * 16 + t / 4) * 16 + d % 16) * 4 + t % 4;
  };
  if (type == KvType::kInt8) return {in(d / 16)};
  return {in(d / 32), d / 16 % 2 == 0 ? 0 : 4};
}

// An element of position `at` of a block, as what it stands for.
float element(KvType type, std::int64_t dim, std::int64_t at, Place place,
              const std::vector<std::byte>& block) {
  if (type == KvType::kF32) return reinterpret_cast<const float*>(block.data())[place.index];
  if (type == KvType::kF16) {
    return f16_to_f32(reinterpret_cast<const std::uint16_t*>(block.data())[place.index]);
  }
  const auto* scales = reinterpret_cast<const float*>(block.data() + code_bytes(type, dim));
  const int byte = std::to_integer<int>(block[static_cast<std::size_t>(place.index)]);
  const int code = type == KvType::kInt8 ? byte - 128 : (byte >> place.shift) % 16 - 8;
  return static_cast<float>(code) * scales[at];
}

class KvPage : public testing::TestWithParam<KvType> {};

TEST_P(KvPage, KeysAndValuesLieWhereTheKernelsReadThem) {
  for (const std::int64_t dim : kDims) {
    std::vector<std::byte> keys(block_size(GetParam(), dim));
    std::vector<std::byte> values(keys.size());
    const std::vector<float> x = random_floats(kKvPageTokens * dim, 4);
    for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
      store_key(GetParam(), dim, t, x.data() + t * dim, keys.data());
      store_value(GetParam(), dim, t, x.data() + t * dim, values.data());
    }
    for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
      std::vector<float> wants(x.begin() + t * dim, x.begin() + (t + 1) * dim);
      float tolerance = GetParam() == KvType::kF32   ? 0.0F
                        : GetParam() == KvType::kF16 ? 2e-3F
                                                     : 5.0F / 127 / 2 * 1.01F;
      if (GetParam() == KvType::kInt4) {
        rotate(wants.data(), dim);
        // The largest may be cut by a quarter; steps are an eighth of it.
        tolerance = 0.0F;
        for (const float w : wants) tolerance = std::max(tolerance, std::abs(w) * 0.26F);
      }
      for (std::int64_t d = 0; d < dim; ++d) {
        const float want = wants[static_cast<std::size_t>(d)];
        const Place key = key_place(GetParam(), dim, t, d);
        const Place value = value_place(GetParam(), dim, t, d);
        ASSERT_NEAR(element(GetParam(), dim, t, key, keys), want, tolerance) << t << " " << d;
        ASSERT_NEAR(element(GetParam(), dim, t, value, values), want, tolerance);
      }
    }
  }
}

TEST_P(KvPage, ClearingLeavesWhatCameBefore) {
  for (const std::int64_t dim : {2, 20}) {
    for (const std::int64_t from : {0, 1, 15, 16, 17, 40, 63}) {
      const std::vector<float> x = random_floats(kKvPageTokens * dim, 5);
      std::vector<std::byte> want_keys(block_size(GetParam(), dim));
      std::vector<std::byte> want_values(want_keys.size());
      std::vector<std::byte> keys(want_keys.size());
      std::vector<std::byte> values(want_keys.size());
      for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
        if (t < from) store_key(GetParam(), dim, t, x.data() + t * dim, want_keys.data());
        if (t < from) store_value(GetParam(), dim, t, x.data() + t * dim, want_values.data());
        store_key(GetParam(), dim, t, x.data() + t * dim, keys.data());
        store_value(GetParam(), dim, t, x.data() + t * dim, values.data());
      }
      clear_keys(GetParam(), dim, from, keys.data());
      clear_values(GetParam(), dim, from, values.data());
      EXPECT_EQ(keys, want_keys) << dim << " " << from;
      EXPECT_EQ(values, want_values) << dim << " " << from;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, KvPage,
                         testing::Values(KvType::kF32, KvType::kF16, KvType::kInt8, KvType::kInt4),
                         [](const auto& info) {
                           return std::string(info.param == KvType::kF32    ? "f32"
                                              : info.param == KvType::kF16  ? "f16"
                                              : info.param == KvType::kInt8 ? "int8"
                                                                            : "int4");
                         });

TEST(KvPageCodes, ZerosStayZeros) {
  for (const KvType type : {KvType::kInt8, KvType::kInt4}) {
    std::vector<std::byte> block(block_size(type, 8), std::byte{1});
    const std::vector<float> zeros(8);
    store_value(type, 8, 3, zeros.data(), block.data());
    for (std::int64_t d = 0; d < 8; ++d) {
      EXPECT_EQ(element(type, 8, 3, value_place(type, 8, 3, d), block), 0.0F);
    }
  }
}

TEST(KvPageCodes, WhatIsNoNumberHasAScaleThatIsNone) {
  for (const KvType type : {KvType::kInt8, KvType::kInt4}) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<std::byte> block(block_size(type, 20));
      std::vector<float> x = random_floats(20, 6);
      x[13] = bad;
      store_key(type, 20, 5, x.data(), block.data());
      EXPECT_TRUE(std::isnan(element(type, 20, 5, key_place(type, 20, 5, 2), block)));
    }
  }
}

}  // namespace
}  // namespace lathe
