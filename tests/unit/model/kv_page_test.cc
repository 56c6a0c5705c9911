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

bool has_codes(KvType type) { return type != KvType::kF32 && type != KvType::kF16; }
int key_bits(KvType type) { return type == KvType::kInt4 ? 6 : 8; }
int value_bits(KvType type) { return type == KvType::kInt8 ? 8 : 4; }

// Where bits of an element lie: `count` of them, from `shift` on of the byte (or wider element) at
// `index`, are those from `above` on.
struct Part {
  std::int64_t index;
  int shift = 0, count = 8, above = 0;
};
using Place = std::vector<Part>;

Place key_place(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!has_codes(type)) return {{(t / 16 * dim + d) * 16 + t % 16}};
  const std::int64_t quads = byte_block_dims(dim) / 4;
  const auto in = [&](std::int64_t line) { return (line * 16 + t % 16) * 4 + d % 4; };
  if (key_bits(type) == 8) return {{in(t / 16 * quads + d / 4)}};
  const std::int64_t block = (t / 16 * quads / 4 + d / 16) * 3;
  const int quad = static_cast<int>(d % 16 / 4);
  return {{in(block + quad / 2), quad % 2 * 4, 4, 0}, {in(block + 2), quad * 2, 2, 4}};
}

Place value_place(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (!has_codes(type)) return {{t * dim + d}};
  const auto in = [&](std::int64_t tile) {
    return ((tile * 16 + t / 4) * 16 + d % 16) * 4 + t % 4;
  };
  if (value_bits(type) == 8) return {{in(d / 16)}};
  return {{in(d / 32), d / 16 % 2 == 0 ? 0 : 4, 4, 0}};
}

// An element of position `at` of a block, as what it stands for; `bits`: of a code.
float element(KvType type, std::int64_t dim, std::int64_t at, const Place& place, int bits,
              const std::vector<std::byte>& block) {
  const std::int64_t index = place.front().index;
  if (type == KvType::kF32) return reinterpret_cast<const float*>(block.data())[index];
  if (type == KvType::kF16) {
    return f16_to_f32(reinterpret_cast<const std::uint16_t*>(block.data())[index]);
  }
  const auto* scales = reinterpret_cast<const float*>(block.data() + kv_code_bytes(bits, dim));
  int code = 0;
  for (const Part& part : place) {
    const int byte = std::to_integer<int>(block[static_cast<std::size_t>(part.index)]);
    code |= (byte >> part.shift & ((1 << part.count) - 1)) << part.above;
  }
  return static_cast<float>(code - (1 << (bits - 1))) * scales[at];
}
float key(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d,
          const std::vector<std::byte>& block) {
  return element(type, dim, t, key_place(type, dim, t, d), key_bits(type), block);
}
float value(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d,
            const std::vector<std::byte>& block) {
  return element(type, dim, t, value_place(type, dim, t, d), value_bits(type), block);
}

class KvPage : public testing::TestWithParam<KvType> {};

TEST_P(KvPage, KeysAndValuesLieWhereTheKernelsReadThem) {
  for (const std::int64_t dim : kDims) {
    std::vector<std::byte> keys(kv_key_bytes(GetParam(), dim));
    std::vector<std::byte> values(kv_value_bytes(GetParam(), dim));
    const std::vector<float> x = random_floats(kKvPageTokens * dim, 4);
    for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
      store_key(GetParam(), dim, t, x.data() + t * dim, keys.data());
      store_value(GetParam(), dim, t, x.data() + t * dim, values.data());
    }
    for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
      std::vector<float> wants(x.begin() + t * dim, x.begin() + (t + 1) * dim);
      float key_tolerance = GetParam() == KvType::kF32 ? 0.0F : 2e-3F;
      float value_tolerance = key_tolerance;
      if (keeps_turned(GetParam())) {
        rotate(wants.data(), dim);
        float largest = 0.0F;
        for (const float w : wants) largest = std::max(largest, std::abs(w));
        // Codes of 4 bits reach seven eighths, at the other end, of what may be three quarters of
        // the largest.
        const auto lost = [&](int bits) { return largest * (bits == 8 ? 1.01F / 254 : 0.35F); };
        key_tolerance = lost(key_bits(GetParam()));
        value_tolerance = lost(value_bits(GetParam()));
      }
      for (std::int64_t d = 0; d < dim; ++d) {
        const float want = wants[static_cast<std::size_t>(d)];
        ASSERT_NEAR(key(GetParam(), dim, t, d, keys), want, key_tolerance) << t << " " << d;
        ASSERT_NEAR(value(GetParam(), dim, t, d, values), want, value_tolerance) << t << " " << d;
      }
    }
  }
}

TEST_P(KvPage, ClearingLeavesWhatCameBefore) {
  for (const std::int64_t dim : {2, 20}) {
    for (const std::int64_t from : {0, 1, 15, 16, 17, 40, 63}) {
      const std::vector<float> x = random_floats(kKvPageTokens * dim, 5);
      std::vector<std::byte> want_keys(kv_key_bytes(GetParam(), dim));
      std::vector<std::byte> want_values(kv_value_bytes(GetParam(), dim));
      std::vector<std::byte> keys(want_keys.size());
      std::vector<std::byte> values(want_values.size());
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
                         testing::Values(KvType::kF32, KvType::kF16, KvType::kInt8, KvType::kK8V4,
                                         KvType::kInt4),
                         [](const auto& info) {
                           return std::string(info.param == KvType::kF32    ? "f32"
                                              : info.param == KvType::kF16  ? "f16"
                                              : info.param == KvType::kInt8 ? "int8"
                                              : info.param == KvType::kK8V4 ? "k8v4"
                                                                            : "int4");
                         });

TEST(KvPageCodes, ZerosStayZeros) {
  for (const KvType type : {KvType::kInt8, KvType::kK8V4, KvType::kInt4}) {
    std::vector<std::byte> block(kv_value_bytes(type, 8), std::byte{1});
    const std::vector<float> zeros(8);
    store_value(type, 8, 3, zeros.data(), block.data());
    for (std::int64_t d = 0; d < 8; ++d) {
      EXPECT_EQ(value(type, 8, 3, d, block), 0.0F);
    }
  }
}

TEST(KvPageCodes, WhatIsNoNumberHasAScaleThatIsNone) {
  for (const KvType type : {KvType::kInt8, KvType::kK8V4, KvType::kInt4}) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<std::byte> block(kv_key_bytes(type, 20));
      std::vector<float> x = random_floats(20, 6);
      x[13] = bad;
      store_key(type, 20, 5, x.data(), block.data());
      EXPECT_TRUE(std::isnan(key(type, 20, 5, 2, block)));
    }
  }
}

}  // namespace
}  // namespace lathe
