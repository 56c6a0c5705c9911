#include "model/populate.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace lathe {
namespace {

TEST(Populate, MapsAllPagesOrThoseBeforeTheEnd) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t pages = (std::size_t{12} << 20) / page;
  void* data =
      ::mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(data, MAP_FAILED);
  const std::span<const std::byte> all(static_cast<const std::byte*>(data), pages * page);
  // From the middle of a page to the middle of another.
  const auto middle = all.subspan(page / 2, all.size() - page);
  int asked = 0;
  EXPECT_FALSE(populate(middle, [&] { return ++asked == 2; }));
  asked = 0;
  const bool done = populate(middle, [&] {
    ++asked;
    return false;
  });
  if (!done) {
    ::munmap(data, pages * page);
    GTEST_SKIP() << "this system cannot populate";
  }
  EXPECT_GE(asked, 3);
  EXPECT_TRUE(populate({}, [] { return true; }));
  ::munmap(data, pages * page);
  EXPECT_FALSE(populate(middle, [] { return false; }));  // nothing is mapped there
}

}  // namespace
}  // namespace lathe
