#include "base/escape_markup.h"

#include <gtest/gtest.h>

namespace lathe {
namespace {

TEST(EscapeMarkup, LeavesWordsAlone) {
  EXPECT_EQ(escape_markup("w4 – zwölf 'a'"), "w4 – zwölf 'a'");
}

TEST(EscapeMarkup, OpensAndEndsNothing) {
  EXPECT_EQ(escape_markup("</title><a b=\"&\">"), "&lt;/title&gt;&lt;a b=&quot;&amp;&quot;&gt;");
}

TEST(EscapeMarkup, MakesBadBytesHarmless) {
  EXPECT_EQ(escape_markup("a\x1b[31m\x7f"), "a [31m ");
  EXPECT_EQ(escape_markup("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace lathe
