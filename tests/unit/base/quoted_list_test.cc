#include "lathe/host/quoted_list.h"

#include <gtest/gtest.h>
#include <vector>

namespace lathe {
namespace {

TEST(QuotedList, ShowsTheFirstNamesAndCountsTheRest) {
  const std::vector<std::string> names = {"a", "b\x1b", "c"};
  EXPECT_EQ(quoted_list(names, 3), "\"a\", \"b\\x1b\", \"c\"");
  EXPECT_EQ(quoted_list(names, 2), "\"a\", \"b\\x1b\" and 1 more");
  EXPECT_EQ(quoted_list({}, 2), "");
}

}  // namespace
}  // namespace lathe
