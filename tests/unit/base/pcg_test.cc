#include "base/pcg.h"

#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

// The outputs that the author's own demo program prints for seed 42, sequence 54.
TEST(Pcg32, GivesThePublishedSequence) {
  Pcg32 generator(42, 54);
  const std::vector<std::uint32_t> expected = {0xa15c02b7, 0x7b47f409, 0xba1d3330,
                                               0x83d2f293, 0xbfa4784b, 0xcbed606e};
  for (const std::uint32_t value : expected) EXPECT_EQ(generator.next(), value);
}

TEST(Pcg32, JoinsTwoOutputsHighHalfFirst) {
  EXPECT_EQ(Pcg32(42, 54).next64(), 0xa15c02b77b47f409u);
}

TEST(Pcg32, SequencesAndSeedsDiffer) {
  EXPECT_NE(Pcg32(1, 0).next64(), Pcg32(1, 1).next64());
  EXPECT_NE(Pcg32(1, 0).next64(), Pcg32(2, 0).next64());
}

}  // namespace
}  // namespace lathe
