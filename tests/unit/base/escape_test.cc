#include "base/escape.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(Escape, NamesAreShownWithoutWhatATerminalObeys) {
  EXPECT_EQ(escape_for_terminal("a\x1b[2J\n\"\\"), "a\\x1b[2J\\n\\\"\\\\");
  EXPECT_EQ(quoted("a b"), "\"a b\"");
  EXPECT_EQ(escape_for_terminal("abcd", 2), "ab…");
}

TEST(Printable, KeepsAMessageAndShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\"a.csv\", row 2: caf\u00e9"), "\"a.csv\", row 2: caf\u00e9");
  EXPECT_EQ(printable("\x1b]0;owned\x07 x\ny\tz\x7f"), "\\x1b]0;owned\\x07 x\\ny\\x09z\\x7f");
  // C1 controls, marks that turn the direction of text, bytes that are no UTF-8.
  EXPECT_EQ(printable("\u009b31m \u202e \xff"), "\\xc2\\x9b31m \\xe2\\x80\\xae \\xff");
}

TEST(Printable, ChangesNothingTwice) {
  const std::string once = printable("\x1b[1m \"q\" \\");
  EXPECT_EQ(printable(once), once);
}

}  // namespace
}  // namespace lathe
