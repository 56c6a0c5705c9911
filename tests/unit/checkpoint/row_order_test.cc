#include "checkpoint/row_order.h"

#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

TEST(RowOrder, IsThePictureInTheHeader) {
  const std::vector<std::int64_t> half_rows_in_interleaved_order = {0, 3, 1, 4, 2, 5};
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(half_of_interleaved(i, 6),
              half_rows_in_interleaved_order[static_cast<std::size_t>(i)]);
    // The second head is the same, 6 rows further on.
    EXPECT_EQ(half_of_interleaved(6 + i, 6),
              6 + half_rows_in_interleaved_order[static_cast<std::size_t>(i)]);
  }
}

TEST(RowOrder, TheTwoWaysAreInverse) {
  for (const std::int64_t head_dim : {2, 4, 6, 64, 80, 128}) {
    for (std::int64_t row = 0; row < 3 * head_dim; ++row) {
      EXPECT_EQ(half_of_interleaved(interleaved_of_half(row, head_dim), head_dim), row);
      EXPECT_EQ(interleaved_of_half(half_of_interleaved(row, head_dim), head_dim), row);
    }
  }
}

}  // namespace
}  // namespace lathe
