#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/bench/load.h"

namespace lathe {
namespace {

LoadReport report(double rate, double seconds) {
  LoadReport out;
  out.rate = rate;
  for (Percentiles* times : {&out.first_token, &out.per_token, &out.between}) {
    times->p50 = seconds;
    times->p90 = 2 * seconds;
    times->p99 = 4 * seconds;
  }
  return out;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(LoadPlot, HasACurveForEachPercentileOfEachTime) {
  // As a search leaves them: in no order.
  const std::vector<LoadReport> reports = {report(2, 0.02), report(8, 0.5), report(4, 0.1)};
  const std::string svg = load_svg(reports, {.first_token = 0.3});
  EXPECT_EQ(count(svg, "<polyline"), 9U);
  EXPECT_EQ(count(svg, "<circle"), 27U);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1U);  // the objective
  const std::size_t points = svg.find("points=\"") + 8;
  double last = 0.0;
  for (std::size_t at = points; svg[at] != '"'; at = svg.find(' ', at) + 1) {
    const double x = std::stod(svg.substr(at));
    EXPECT_GT(x, last);
    last = x;
  }
}

TEST(LoadPlot, LeavesOutWhatNobodyMeasured) {
  std::vector<LoadReport> reports = {report(1, 0.1), report(2, 0.1)};
  for (LoadReport& one : reports) one.between = {};
  reports[1].per_token = {};
  const std::string svg = load_svg(reports, {});
  EXPECT_EQ(count(svg, "<polyline"), 6U);
  EXPECT_EQ(count(svg, "<circle"), 9U);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  const std::vector<LoadReport> none(1);
  EXPECT_TRUE(load_svg(none, {}).ends_with("</svg>\n"));
}

}  // namespace
}  // namespace lathe
