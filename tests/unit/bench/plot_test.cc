#include "lathe/bench/plot.h"

#include <cstdlib>
#include <gtest/gtest.h>

namespace lathe {
namespace {

// The widths of all bars of one color, in the order of the picture.
std::vector<double> widths(const std::string& svg, const std::string& color) {
  std::vector<double> out;
  const std::string mark = "rx=\"2\" fill=\"" + color + "\"";
  for (std::size_t at = 0; (at = svg.find(mark, at)) != std::string::npos; ++at) {
    const std::size_t width = svg.rfind("width=\"", at) + 7;
    out.push_back(static_cast<double>(std::atoi(svg.c_str() + width)));
  }
  return out;
}

constexpr const char* kOurs = "#3b7dd8";
constexpr const char* kOther = "#b4bac3";
constexpr const char* kLimit = "#dbe6f6";

TEST(BenchPlot, EscapesItsText) {
  const BenchBar bars[] = {{"<p>", "a<b>&\"", 10.0, 9.0, 11.0}};
  const std::string svg = plot_svg("<script>", "t/s", bars);
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_EQ(svg.find("<p>"), std::string::npos);
  EXPECT_NE(svg.find("a&lt;b&gt;&amp;&quot;"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(BenchPlot, EachKindOfTestHasItsOwnScale) {
  const BenchBar bars[] = {{"prefill", "pp", 5000.0, 5000.0, 5000.0},
                           {"decode", "tg8", 10.0, 10.0, 10.0},
                           {"prefill", "pp2", 2500.0, 2500.0, 2500.0},
                           {"decode", "tg9", 5.0, 5.0, 5.0, true}};
  const std::string svg = plot_svg("t", "s", bars);
  EXPECT_EQ(widths(svg, kOurs), (std::vector<double>{440, 220, 440}));
  EXPECT_EQ(widths(svg, kOther), (std::vector<double>{220}));
}

TEST(BenchPlot, LimitsStandBehindUnlessTheyAreFarAway) {
  const BenchBar near[] = {{"p", "a", 10.0, 10.0, 10.0, false, 20.0, "bandwidth"}};
  std::string svg = plot_svg("t", "s", near);
  EXPECT_EQ(widths(svg, kOurs), std::vector<double>{220});
  EXPECT_EQ(widths(svg, kLimit), std::vector<double>{440});
  EXPECT_NE(svg.find("50 % of bandwidth"), std::string::npos);
  const BenchBar far[] = {{"p", "a", 10.0, 10.0, 10.0, false, 200.0, "arithmetic"}};
  svg = plot_svg("t", "s", far);
  EXPECT_EQ(widths(svg, kOurs), std::vector<double>{440});
  EXPECT_TRUE(widths(svg, kLimit).empty());
  EXPECT_NE(svg.find("5 % of arithmetic"), std::string::npos);
}

TEST(BenchPlot, NothingAtAllIsAPictureToo) {
  EXPECT_TRUE(plot_svg("t", "s", {}).ends_with("</svg>\n"));
}

}  // namespace
}  // namespace lathe
