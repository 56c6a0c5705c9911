#include "engine/spill_file.h"

#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <random>
#include <sys/resource.h>
#include <vector>

#include "lathe/error.h"

#include "support/temp_folder.h"

namespace lathe {
namespace {

std::vector<std::byte> some_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> out(count);
  for (std::byte& b : out) b = static_cast<std::byte>(random());
  return out;
}

TEST(SpillFile, GivesBackWhatWasWrittenAndUsesSpaceAgain) {
  const test::TempFolder folder;
  SpillFile file(folder.file("spill"));
  EXPECT_FALSE(std::filesystem::exists(folder.file("spill")));  // it goes with the process
  std::vector<std::pair<SpillRun, std::vector<std::byte>>> runs;
  std::mt19937 random(1);
  std::uint64_t written = 0;
  std::uint64_t highest = 0;
  for (int i = 0; i < 300; ++i) {
    if (runs.size() == 8) {
      const std::size_t at = random() % runs.size();
      std::vector<std::byte> back(runs[at].second.size());
      ASSERT_TRUE(file.read(runs[at].first, back));
      EXPECT_EQ(back, runs[at].second);
      file.release(runs[at].first);
      runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at));
    }
    auto bytes = some_bytes(1000 * (1 + random() % 5), static_cast<unsigned>(i));
    SpillRun run;
    ASSERT_TRUE(file.write(bytes, run));
    written += run.bytes;
    highest = std::max(highest, run.offset + run.bytes);
    runs.emplace_back(run, std::move(bytes));
  }
  EXPECT_LT(highest, written / 8);
  EXPECT_GT(file.cost(1000000), 0.0);
  EXPECT_GT(file.cost(2000000), file.cost(1000000));
}

TEST(SpillFile, TellsThatBytesAreNotThoseWritten) {
  const test::TempFolder folder;
  SpillFile file(folder.file("spill"));
  SpillRun run;
  ASSERT_TRUE(file.write(some_bytes(5000, 1), run));
  std::vector<std::byte> back(5000);
  SpillRun other = run;
  other.checksum ^= 1;
  EXPECT_FALSE(file.read(other, back));
  other = run;
  other.offset = 1000;  // past what was written
  EXPECT_FALSE(file.read(other, back));
  EXPECT_TRUE(file.read(run, back));
}

TEST(SpillFile, AFullDiskIsToldAndRemembered) {
  const test::TempFolder folder;
  SpillFile file(folder.file("spill"));
  SpillRun first;
  SpillRun second;
  ASSERT_TRUE(file.write(some_bytes(5000, 1), first));
  EXPECT_TRUE(file.good());
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small = {8000, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_FALSE(file.write(some_bytes(5000, 2), second));
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(file.good());
  std::vector<std::byte> back(5000);
  EXPECT_TRUE(file.read(first, back));
  EXPECT_EQ(back, some_bytes(5000, 1));
}

TEST(SpillFile, RefusesAFileThatExists) {
  const test::TempFolder folder;
  folder.write("mine", "precious");
  try {
    SpillFile file(folder.file("mine"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
  EXPECT_EQ(test::TempFolder::read(folder.file("mine")), "precious");
}

}  // namespace
}  // namespace lathe
