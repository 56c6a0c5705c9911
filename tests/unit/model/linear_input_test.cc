#include "model/linear_input.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

// A token's values do not depend on the others, nor on the pieces that the rows are taken in.
TEST(LinearInput, QuantizesEachRowAsTheKernelDoes) {
  const KernelTable& table = kernels();
  const PackedScheme schemes[] = {{4, 64, ScaleForm::kHalf, false, false},
                                  {8, 16, ScaleForm::kHalf, false, false}};
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (const PackedScheme& scheme : schemes) {
    for (const std::int64_t cols : {20, 1024, 2600}) {
      for (const std::int64_t rows : {1, 7, 37}) {
        std::vector<float> x(static_cast<std::size_t>(rows * (cols + 3)));
        for (float& v : x) v = normal(random);
        ThreadPool pool(3);
        LinearInput input;
        input.set(x.data(), rows, cols, cols + 3);
        input.prepare_quantized(pool, scheme);
        const QuantizedRows& got = input.quantized(scheme);
        ASSERT_EQ(got.rows, rows);

        QuantizedRows one = got;  // of one row
        one.rows = one.block = 1;
        std::vector<std::int8_t> q(static_cast<std::size_t>(one.inputs));
        std::vector<float> scale(static_cast<std::size_t>(one.spans()));
        std::vector<float> sum(static_cast<std::size_t>(one.groups()));
        std::vector<std::int32_t> minus_eight_sum(sum.size());
        one.q = q.data();
        one.scale = scale.data();
        one.sum = sum.data();
        one.minus_eight_sum = minus_eight_sum.data();
        for (std::int64_t t = 0; t < rows; ++t) {
          table.forward.quantize_row(x.data() + t * (cols + 3), cols, one, 0);
          const std::int64_t block = t / got.block;
          const std::int64_t token = t % got.block;
          const auto at = [&](std::int64_t per_block, std::int64_t i) {
            return (block * per_block + i) * got.block + token;
          };
          for (std::int64_t i = 0; i < one.inputs; ++i) {
            ASSERT_EQ(got.q[at(got.inputs / 4, i / 4) * 4 + i % 4], one.q[i]);
          }
          for (std::int64_t i = 0; i < one.spans(); ++i) {
            ASSERT_EQ(got.scale[at(got.spans(), i)], one.scale[i]);
          }
          for (std::int64_t i = 0; i < one.groups(); ++i) {
            ASSERT_EQ(got.sum[at(got.groups(), i)], one.sum[i]);
            ASSERT_EQ(got.minus_eight_sum[at(got.groups(), i)], one.minus_eight_sum[i]);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace lathe
