#include "checkpoint/row_order.h"

#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

TEST(RowOrder, IsThePictureInTheHeader) {
  const std::vector<std::int64_t> half_rows_in_interleaved_order = {0, 3, 1, 4, 2, 5};
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(half_of_interleaved(i, {6, 6}),
              half_rows_in_interleaved_order[static_cast<std::size_t>(i)]);
    // The second head is the same, 6 rows further on.
    EXPECT_EQ(half_of_interleaved(6 + i, {6, 6}),
              6 + half_rows_in_interleaved_order[static_cast<std::size_t>(i)]);
  }
}

TEST(RowOrder, DimensionsThatDoNotTurnKeepTheirPlaces) {
  // Heads of 8, of which 6 turn.
  const std::vector<std::int64_t> half_rows = {0, 3, 1, 4, 2, 5, 6, 7};
  for (std::int64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(half_of_interleaved(i, {8, 6}),
              i / 8 * 8 + half_rows[static_cast<std::size_t>(i % 8)]);
    EXPECT_EQ(half_of_interleaved(i, {8, 0}), i);
  }
}

TEST(RowOrder, TheTwoWaysAreInverse) {
  for (const HeadRows& head : {HeadRows{2, 2}, {4, 4}, {6, 4}, {64, 64}, {80, 32}, {128, 96}}) {
    for (std::int64_t row = 0; row < 3 * head.dims; ++row) {
      EXPECT_EQ(half_of_interleaved(interleaved_of_half(row, head), head), row);
      EXPECT_EQ(interleaved_of_half(half_of_interleaved(row, head), head), row);
    }
  }
}

}  // namespace
}  // namespace lathe
