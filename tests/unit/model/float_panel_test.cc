#include "model/float_panel.h"

#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "tensor/float16.h"

namespace lathe {
namespace {

TEST(FloatPanel, EveryWeightLandsInItsPlace) {
  for (const std::int64_t rows : {1, 3, 4, 5, 47, 48}) {
    for (const std::int64_t cols : {1, 3, 4, 63, 127, 128, 129, 300}) {
      const auto size = static_cast<std::size_t>(rows * cols);
      std::vector<float> f32(size);
      std::vector<std::uint16_t> f16(size);
      std::vector<std::uint16_t> bf16(size);
      for (std::size_t i = 0; i < size; ++i) {
        f32[i] = static_cast<float>(i) + 0.5F;
        f16[i] = static_cast<std::uint16_t>(i % 0x7c00);
        bf16[i] = static_cast<std::uint16_t>(0x3f80 + i % 0x1000);
      }
      std::vector<float> a(size), b(size), c(size);
      make_float_panel(DType::kF32, f32.data(), rows, cols, a.data());
      make_float_panel(DType::kF16, f16.data(), rows, cols, b.data());
      make_float_panel(DType::kBF16, bf16.data(), rows, cols, c.data());
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t k = 0; k < cols; ++k) {
          const auto from = static_cast<std::size_t>(r * cols + k);
          const auto to = static_cast<std::size_t>(k * rows + r);
          ASSERT_EQ(a[to], f32[from]) << rows << " " << cols;
          ASSERT_EQ(b[to], f16_to_f32(f16[from])) << rows << " " << cols;
          ASSERT_EQ(c[to], bf16_to_f32(bf16[from])) << rows << " " << cols;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lathe
