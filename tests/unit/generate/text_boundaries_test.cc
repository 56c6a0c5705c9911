#include "generate/text_boundaries.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/error.h"

#include "base/utf8.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

// The ends of what stands between boundaries, where the text grows by so many bytes at once.
std::vector<std::string> parts(const std::string& places, const std::string& text,
                               std::size_t step) {
  TextBoundaries boundaries(check_places(places));
  std::vector<std::string> out;
  std::size_t last = 0;
  for (std::size_t end = 0; end < text.size();) {
    end = std::min(text.size(), end + step);
    const std::size_t n = end - incomplete_utf8_suffix(std::string_view(text).substr(0, end));
    if (const auto at = boundaries.follow(std::string_view(text).substr(0, n))) {
      EXPECT_GT(*at, last) << text;
      EXPECT_LE(*at, n);
      out.push_back(text.substr(last, *at - last));
      last = *at;
    }
  }
  return out;
}

using Parts = std::vector<std::string>;

TEST(TextBoundaries, LinesEndBehindLineFeeds) {
  EXPECT_EQ(parts("line", "a\nb\n\nc", 1), (Parts{"a\n", "b\n", "\n"}));
  EXPECT_EQ(parts("line", "a\nb\n\nc", 100), (Parts{"a\nb\n\n"}));
}

TEST(TextBoundaries, SentencesEndBeforeWhiteSpace) {
  EXPECT_EQ(parts("sentence", "He said: \"Go!\" She went. 3.5 km? Yes", 1),
            (Parts{"He said: \"Go!\"", " She went.", " 3.5 km?"}));
  EXPECT_EQ(parts("sentence", "A heading\n\nText… ", 1), (Parts{"A heading\n\n", "Text…"}));
  EXPECT_EQ(parts("sentence", "你好。再见！", 3), (Parts{"你好。", "再见！"}));
}

TEST(TextBoundaries, StatementsEndWhereNothingIsOpen) {
  EXPECT_EQ(parts("statement", "for (int i = 0; i < n; ++i) { f(i); }\nint a;\n", 1),
            (Parts{"for (int i = 0; i < n; ++i) { f(i); }", "\n", "int a;", "\n"}));
  EXPECT_EQ(parts("statement", "print(\"a; b}\")\nx = 'it\\'s;'\ny = [1,\n2]\n", 1),
            (Parts{"print(\"a; b}\")\n", "x = 'it\\'s;'\n", "y = [1,\n2]\n"}));
  EXPECT_EQ(parts("statement", "# don't\necho\n", 1), (Parts{"# don't\n", "echo\n"}));
  EXPECT_EQ(parts("statement", "`a\n;b`;\n", 1), (Parts{"`a\n;b`;", "\n"}));
}

TEST(TextBoundaries, AnExpressionEndsThemBehindItsMatches) {
  EXPECT_EQ(parts("</[a-z]+>", "<g><a></a><b></b></g>", 1),
            (Parts{"<g><a></a>", "<b></b>", "</g>"}));
  // What might go on is waited for, however the text is cut.
  EXPECT_EQ(parts("\\d+", "a1234b56", 1), (Parts{"a1234"}));
  EXPECT_EQ(parts("\\d+", "a1234b56", 3), (Parts{"a1234"}));
  EXPECT_EQ(parts("x*", "abc", 1), Parts{});
  EXPECT_EQ(parts("(end)", "the end.", 1), (Parts{"the end"}));
}

TEST(TextBoundaries, TheEndIsNoneOfThem) { EXPECT_EQ(parts("end", "a\nb.\nc; ", 1), Parts{}); }

TEST(TextBoundaries, RefuseWordsThatAreNoPlaces) {
  EXPECT_EQ(error_of([] { check_places("lines"); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([] { check_places(""); }), ErrorCode::kUsage);
  EXPECT_EQ(error_of([] { check_places("(a"); }), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace lathe
