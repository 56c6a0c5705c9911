#include "base/utf8.h"

#include <gtest/gtest.h>
#include <string>

#include "base/escape.h"

namespace lathe {
namespace {

TEST(Utf8, EncodesAndDecodesEveryScalarValue) {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string bytes;
    append_utf8(c, bytes);
    const Utf8Char back = decode_utf8(bytes);
    ASSERT_TRUE(back.valid);
    ASSERT_EQ(back.code, c);
    ASSERT_EQ(back.length, bytes.size());
  }
}

// Table 3-8 of the Unicode standard: maximal subparts.
TEST(Utf8, ReplacesMaximalInvalidSubparts) {
  EXPECT_EQ(replace_invalid_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(replace_invalid_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(replace_invalid_utf8("\xf4\x91"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(replace_invalid_utf8("a\xe1\x80"
                                 "b"),
            "a\xef\xbf\xbd"
            "b");
}

TEST(Utf8, FindsTheIncompleteTail) {
  EXPECT_EQ(incomplete_utf8_suffix(""), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("abc"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("a\xe2"), 1u);
  EXPECT_EQ(incomplete_utf8_suffix("a\xe2\x82"), 2u);
  EXPECT_EQ(incomplete_utf8_suffix("a\xe2\x82\xac"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("\xf0\x9f\x98"), 3u);
  EXPECT_EQ(incomplete_utf8_suffix("a\xff"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("a\x80"), 0u);
}

TEST(Escape, KeepsControlBytesFromTheTerminal) {
  EXPECT_EQ(quoted("a\x1b[31m\n\"\\é\xff"), "\"a\\x1b[31m\\n\\\"\\\\é\\xff\"");
  EXPECT_EQ(escape_for_terminal("abcdef", 3), "abc…");
}

}  // namespace
}  // namespace lathe
