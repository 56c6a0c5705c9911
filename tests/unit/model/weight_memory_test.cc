// Where weights lie: in the file, copied, locked.
#include "model/weight_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "model/copied_checkpoint.h"
#include "model/locked_memory.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

// Kilobytes that the process has locked.
std::int64_t locked_kilobytes() {
  std::int64_t kilobytes = -1;
  if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof(line), f) != nullptr) {
      long long value = 0;
      if (std::sscanf(line, "VmLck: %lld kB", &value) == 1) kilobytes = value;
    }
    std::fclose(f);
  }
  return kilobytes;
}

TEST(WeightMemory, IsZeroedAndStandsOnAPage) {
  const WeightMemory memory(5 << 20, "a test");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.bytes().data()) % 4096, 0U);
  EXPECT_TRUE(std::all_of(memory.bytes().begin(), memory.bytes().end(),
                          [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(error_of([] { WeightMemory(std::uint64_t{1} << 60, "a test"); }), ErrorCode::kLimit);
}

TEST(CopiedCheckpoint, HasTheSameTensorsElsewhere) {
  const std::shared_ptr<const Checkpoint> from = random_checkpoint(small_config());
  const auto copy = copy_to_memory(from);
  ASSERT_EQ(copy->tensors().size(), from->tensors().size());
  for (std::size_t i = 0; i < from->tensors().size(); ++i) {
    const auto a = from->bytes_in_place(i);
    const auto b = copy->bytes_in_place(i);
    EXPECT_NE(a.data(), b.data());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.data()) % 64, 0U);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }
  EXPECT_EQ(copy->find("model.norm.weight"), from->find("model.norm.weight"));
}

TEST(LockedMemory, LastsAsLongAsItsOwner) {
  const WeightMemory memory(std::uint64_t{256} << 10, "a test");
  const std::int64_t before = locked_kilobytes();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers answer mlock() without locking anything";
#endif
  if (before < 0) GTEST_SKIP() << "/proc/self/status does not say what is locked";
  try {
    // Not a whole page, and the same bytes twice: pages count once.
    const LockedMemory lock({memory.bytes().subspan(100, 5000), {}, memory.bytes().first(5000)},
                            "a test");
    EXPECT_EQ(locked_kilobytes(), before + 8);
  } catch (const Error& error) {
    GTEST_SKIP() << error.message();
  }
  EXPECT_EQ(locked_kilobytes(), before);
}

}  // namespace
}  // namespace lathe
