#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "lathe/bench/machine.h"

namespace lathe {
namespace {

TEST(ProcessUse, CountsMemoryThatIsTouched) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const UseMeter before;
  const ProcessUse small = before.read();
  if (!small.peak_bytes) GTEST_SKIP() << "no /proc/self/status here";
  const UseMeter meter;
  {
    const std::vector<char> memory(kBytes, 1);
    ASSERT_EQ(std::count(memory.begin(), memory.end(), 1), static_cast<std::ptrdiff_t>(kBytes));
  }
  const ProcessUse large = meter.read();
  EXPECT_GE(*large.peak_bytes, *small.peak_bytes + kBytes / 2);
  EXPECT_GT(*large.minor_faults, 0U);
  EXPECT_GE(large.steal_share, 0.0);
  EXPECT_LE(large.steal_share, 1.0);
}

TEST(ProcessUse, OfSeveralRuns) {
  ProcessUse all;
  all.add({10, std::nullopt, 3, 1, 0.02});
  all.add({7, 5, 4, std::nullopt, 0.01});
  EXPECT_EQ(all.peak_bytes, 10U);
  EXPECT_EQ(all.shared_bytes, 5U);
  EXPECT_EQ(all.minor_faults, 7U);
  EXPECT_EQ(all.major_faults, 1U);
  EXPECT_DOUBLE_EQ(all.steal_share, 0.02);
}

}  // namespace
}  // namespace lathe
