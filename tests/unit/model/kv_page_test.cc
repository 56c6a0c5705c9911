#include "model/kv_page.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "kernels/forward_kernels.h"
#include "support/random_floats.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

using test::random_floats;

constexpr std::int64_t kDims[] = {2, 20, 64, 300, 520};

std::size_t block_size(KvType type, std::int64_t dim) {
  const std::int64_t width = type == KvType::kF32 ? 4 : 2;
  if (type != KvType::kInt8) return static_cast<std::size_t>(kKvPageTokens * dim * width);
  return static_cast<std::size_t>(kKvPageTokens * (byte_block_dims(dim) + 4));
}

std::int64_t key_index(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (type != KvType::kInt8) return (t / 16 * dim + d) * 16 + t % 16;
  return ((t / 16 * (byte_block_dims(dim) / 4) + d / 4) * 16 + t % 16) * 4 + d % 4;
}

std::int64_t value_index(KvType type, std::int64_t dim, std::int64_t t, std::int64_t d) {
  if (type != KvType::kInt8) return t * dim + d;
  return ((d / 16 * 16 + t / 4) * 16 + d % 16) * 4 + t % 4;
}

// Element `index` of a block, as what it stands for.
float element(KvType type, std::int64_t dim, std::int64_t at, std::int64_t index,
              const std::vector<std::byte>& block) {
  if (type == KvType::kF32) return reinterpret_cast<const float*>(block.data())[index];
  if (type == KvType::kF16) {
    return f16_to_f32(reinterpret_cast<const std::uint16_t*>(block.data())[index]);
  }
  const auto* scales =
      reinterpret_cast<const float*>(block.data() + kKvPageTokens * byte_block_dims(dim));
  return static_cast<float>(std::to_integer<int>(block[static_cast<std::size_t>(index)]) - 128) *
         scales[at];
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
    const float tolerance = GetParam() == KvType::kF32   ? 0.0F
                            : GetParam() == KvType::kF16 ? 2e-3F
                                                         : 5.0F / 127 / 2 * 1.01F;
    for (std::int64_t t = 0; t < kKvPageTokens; ++t) {
      for (std::int64_t d = 0; d < dim; ++d) {
        const float want = x[static_cast<std::size_t>(t * dim + d)];
        const std::int64_t key = key_index(GetParam(), dim, t, d);
        const std::int64_t value = value_index(GetParam(), dim, t, d);
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

INSTANTIATE_TEST_SUITE_P(Types, KvPage, testing::Values(KvType::kF32, KvType::kF16, KvType::kInt8),
                         [](const auto& info) {
                           return std::string(info.param == KvType::kF32   ? "f32"
                                              : info.param == KvType::kF16 ? "f16"
                                                                           : "int8");
                         });

TEST(KvPageInt8, ZerosStayZeros) {
  std::vector<std::byte> block(block_size(KvType::kInt8, 8), std::byte{1});
  const std::vector<float> zeros(8);
  store_value(KvType::kInt8, 8, 3, zeros.data(), block.data());
  for (std::int64_t d = 0; d < 8; ++d) {
    EXPECT_EQ(element(KvType::kInt8, 8, 3, value_index(KvType::kInt8, 8, 3, d), block), 0.0F);
  }
}

}  // namespace
}  // namespace lathe
