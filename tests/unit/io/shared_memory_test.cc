#include "io/shared_memory.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lathe {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(SharedMemory, IsSeenByAnotherProcessAndStaysUntilBothAreDone) {
  auto memory = SharedMemory::create();
  ASSERT_TRUE(memory);
  const std::string first(5000, 'a'), second(70000, 'b');
  EXPECT_EQ(memory->append(bytes_of(first)), 0U);
  EXPECT_EQ(memory->append(bytes_of(second)), 5000U);
  const MemoryPlace place = memory->place();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto there = SharedMemory::open(place);
    const auto piece = there ? there->piece(5000, 70000) : std::nullopt;
    const bool same = piece && std::ranges::equal(piece->bytes, bytes_of(second));
    ::_exit(same ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);

  auto there = SharedMemory::open(place);
  ASSERT_TRUE(there);
  EXPECT_FALSE(there->append(bytes_of(first)));
  memory.reset();
  EXPECT_FALSE(SharedMemory::open(place));
  const auto piece = there->piece(4999, 2);
  there.reset();
  ASSERT_TRUE(piece);
  EXPECT_EQ(static_cast<char>(piece->bytes[0]), 'a');
  EXPECT_EQ(static_cast<char>(piece->bytes[1]), 'b');
}

TEST(SharedMemory, WhatIsNoneOfItIsNotOpened) {
  EXPECT_FALSE(SharedMemory::open({}));
  EXPECT_FALSE(SharedMemory::open({::getpid(), 1000000}));
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(SharedMemory::open({::getpid(), ends[0]}));
  ::close(ends[0]);
  ::close(ends[1]);
  const auto memory = SharedMemory::create();
  EXPECT_FALSE(memory->piece(0, 1));
  EXPECT_FALSE(memory->piece(1, 0));
  EXPECT_TRUE(memory->piece(0, 0));
}

}  // namespace
}  // namespace lathe
