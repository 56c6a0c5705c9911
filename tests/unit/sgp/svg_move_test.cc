// What a move rewrites, and what it leaves; that pictures agree is tested by rendering them
// (tests/cli/test_sgp_perturb.py).
#include "lathe/sgp/svg_move.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "sgp/svg/path.h"
#include "support/refusal.h"

namespace lathe {
namespace {

std::string shifted(std::string_view body, double dx = 3, double dy = -2) {
  const std::string before = fmt::format("<svg viewBox=\"0 0 100 100\">{}</svg>", body);
  const std::string after = move_svg(before, {0, 0, 0, dx, dy}).text;
  constexpr std::size_t kHead = sizeof("<svg viewBox=\"0 0 100 100\">") - 1;
  return after.substr(kHead, after.size() - kHead - 6);
}

// A quarter turn about the origin: (x, y) -> (-y, x).
std::string turned(std::string_view body) {
  const std::string before = fmt::format("<svg viewBox=\"0 0 100 100\">{}</svg>", body);
  const std::string after = move_svg(before, {90, 0, 0, 0, 0}).text;
  constexpr std::size_t kHead = sizeof("<svg viewBox=\"0 0 100 100\">") - 1;
  return after.substr(kHead, after.size() - kHead - 6);
}

std::string shifted_path(std::string_view d) { return svg::move_path(d, {0, {3, -2}}, 3); }
std::string turned_path(std::string_view d) { return svg::move_path(d, {90, {}}, 3); }

TEST(MovePath, ShiftsAbsoluteCoordinatesOnly) {
  EXPECT_EQ(shifted_path("M10 20L30,40H5V6C1 2 3 4 5 6z"), "M13 18L33,38H8V4C4 0 6 2 8 4z");
  EXPECT_EQ(shifted_path("m10 20l30,40h5v6c1 2 3 4 5 6s1 2 3 4z"),
            "m13 18l30,40h5v6c1 2 3 4 5 6s1 2 3 4z");
  EXPECT_EQ(shifted_path("M1 2 3 4 5 6"), "M4 0 6 2 8 4");
  EXPECT_EQ(shifted_path("m1 2 3 4zm5 6"), "m4 0 3 4zm5 6");
}

TEST(MovePath, KeepsDigitsAndSpelling) {
  EXPECT_EQ(shifted_path(" M 1.50 , 2.25\n L 3,4 "), " M 4.5 , 0.25\n L 6,2 ");
  EXPECT_EQ(shifted_path("M1.5.5-3-4"), "M4.5-1.5 0-6");  // glued numbers stay apart
  EXPECT_EQ(shifted_path("M-2.5.5L-3.5.7"), "M.5-1.5L-.5-1.3");
  EXPECT_EQ(shifted_path("M10-5L4-1"), "M13-7L7-3");
  EXPECT_EQ(shifted_path("M1e1 2E1"), "M13 18");
}

TEST(MovePath, ArcFlagsMayBeGlued) {
  EXPECT_EQ(shifted_path("M0 0A5 5 0 0110.5.5"), "M3 -2A5 5 0 0113.5-1.5");
  EXPECT_EQ(shifted_path("M0 0a5 5 0 01.5.5 5 5 0 1010 10"), "M3 -2a5 5 0 01.5.5 5 5 0 1010 10");
}

TEST(MovePath, TurnsLinesAndAxes) {
  EXPECT_EQ(turned_path("M10 20H30V40h5v-5z"), "M-20 10L-20 30L-40 30l0 5l5 0z");
  EXPECT_EQ(turned_path("M1,2H3,4"), "M-2,1L-2,3,-2,4");
  EXPECT_EQ(turned_path("M0 0A5 8 30 0 1 3 4"), "M0 0A5 8 120 0 1 -4 3");
  EXPECT_EQ(turned_path("M0 0A5 8 120 0 1 3 4"), "M0 0A5 8 30 0 1 -4 3");  // modulo 180
  EXPECT_EQ(turned_path("M0 0A5 5 30 0 1 3 4"), "M0 0A5 5 30 0 1 -4 3");
}

TEST(MovePath, RelativeRoundingDoesNotAddUp) {
  std::string d = "M0 0";
  for (int i = 0; i < 1000; ++i) d += "l1 0";
  const std::string moved = svg::move_path(d, {30, {}}, 1);
  double x = 0;  // 1000 cos 30
  std::size_t at = 0;
  while ((at = moved.find('l', at)) != std::string::npos) x += std::stod(moved.substr(++at));
  EXPECT_NEAR(x, 866.025, 0.06);
}

TEST(MovePath, KeepsWhatComesAfterAnError) {
  EXPECT_EQ(shifted_path("M1 2L3 4 5"), "M4 0L6 2 5");
  EXPECT_EQ(shifted_path("M1 2x3 4"), "M4 0x3 4");
  EXPECT_EQ(shifted_path("L1 2"), "L1 2");
  EXPECT_EQ(shifted_path("M1 2L1e999 3"), "M4 0L1e999 3");
  EXPECT_EQ(shifted_path("M0 0A5 5 0 2 1 3 4"), "M3 -2A5 5 0 2 1 3 4");
  EXPECT_EQ(shifted_path(""), "");
}

TEST(MoveSvg, KeepsEveryOtherByte) {
  EXPECT_EQ(
      shifted("<!-- x=\"1\" --><rect\n  y='4' x = \"1\"\tid=\"x\"  width=\"5\" height=\"6\" />"
              "<![CDATA[<rect x=\"1\"/>]]><title>x=\"1\"</title>"),
      "<!-- x=\"1\" --><rect\n  y='2' x = \"4\"\tid=\"x\"  width=\"5\" height=\"6\" />"
      "<![CDATA[<rect x=\"1\"/>]]><title>x=\"1\"</title>");
}

TEST(MoveSvg, NoMoveChangesNoByte) {
  const std::string svg =
      "<svg viewBox='0 0 9 9'><g transform=' scale( 2 ) '><circle r='1'/><path d='m1 1h.5'/>"
      "</g><text>a</text></svg>";
  EXPECT_EQ(move_svg(svg, {}).text, svg);
}

TEST(MoveSvg, AddsCoordinatesThatWereLeftOut) {
  EXPECT_EQ(shifted("<circle r=\"5\"/>"), "<circle r=\"5\" cx=\"3\" cy=\"-2\"/>");
  EXPECT_EQ(shifted("<rect/>"), "<rect x=\"3\" y=\"-2\"/>");
  EXPECT_EQ(shifted("<text>a</text>"), "<text x=\"3\" y=\"-2\">a</text>");
}

TEST(MoveSvg, KeepsUnits) {
  EXPECT_EQ(shifted("<circle cx=\"50%\" cy=\"10px\" r=\"5\"/>"),
            "<circle cx=\"53%\" cy=\"8px\" r=\"5\"/>");
}

TEST(MoveSvg, TransformsTakeTheShift) {
  EXPECT_EQ(shifted("<g transform=\"translate(1,2) scale(2)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"translate(4,0) scale(2)\"><path d=\"M1 1\"/></g>");
  EXPECT_EQ(shifted("<g transform=\"rotate(30 5 6)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"rotate(30 8 4)\"><path d=\"M4 -1\"/></g>");
  EXPECT_EQ(shifted("<g transform=\"scale(2)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"scale(2)\"><path d=\"M2.5 0\"/></g>");
  EXPECT_EQ(shifted("<path transform=\"matrix(0 1 -1 0 5 6)\" d=\"M1 1\"/>"),
            "<path transform=\"matrix(0 1 -1 0 8 4)\" d=\"M1 1\"/>");
  EXPECT_EQ(shifted("<path transform=\"scale(-1 1)\" d=\"M1 1\"/>"),
            "<path transform=\"scale(-1 1)\" d=\"M-2 -1\"/>");
}

TEST(MoveSvg, TransformsTakeTheTurn) {
  EXPECT_EQ(turned("<g transform=\"translate(1 2) rotate(10)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"translate(-2 1) rotate(100)\"><path d=\"M1 1\"/></g>");
  EXPECT_EQ(turned("<g transform=\"scale(2 3)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"rotate(90) scale(2 3)\"><path d=\"M1 1\"/></g>");
  EXPECT_EQ(turned("<g transform=\"scale(2)\"><path d=\"M1 1\"/></g>"),
            "<g transform=\"scale(2)\"><path d=\"M-1 1\"/></g>");
}

TEST(MoveSvg, TurnedShapesChangeTheirNames) {
  EXPECT_EQ(turned("<rect id=\"a\" x=\"1\" y=\"2\" width=\"3\" height=\"4\" fill=\"red\"></rect>"),
            "<polygon id=\"a\" points=\"-2,1 -2,4 -6,4 -6,1\" fill=\"red\"></polygon>");
  EXPECT_EQ(turned("<svg:rect width=\"3\" height=\"4\"/>"),
            "<svg:polygon points=\"0,0 0,3 -4,3 -4,0\"/>");
  EXPECT_EQ(turned("<circle cx=\"1\" cy=\"2\" r=\"3\"/>"), "<circle cx=\"-2\" cy=\"1\" r=\"3\"/>");
  const std::string ellipse = turned("<ellipse cx=\"10\" cy=\"20\" rx=\"3\" ry=\"5\"/>");
  EXPECT_TRUE(ellipse.starts_with("<path d=\"M-20,13A")) << ellipse;
  // Selectors of a style sheet would lose it: a transform instead.
  const std::string styled =
      turned("<style>rect{fill:red}</style><rect width=\"3\" height=\"4\"/>");
  EXPECT_NE(styled.find("<rect width=\"3\" height=\"4\" transform=\"rotate(90)\"/>"),
            std::string::npos)
      << styled;
}

TEST(MoveSvg, DefinitionsInUserSpaceMoveOnce) {
  const std::string body =
      "<defs><linearGradient id=\"g\" gradientUnits=\"userSpaceOnUse\" x1=\"1\" y1=\"2\" x2=\"3\" "
      "y2=\"4\"/><path id=\"u\" d=\"M1 1\"/></defs><path fill=\"url(#g)\" d=\"M0 0\"/>"
      "<path fill=\"url(#g)\" d=\"M1 1\"/><use href=\"#u\" x=\"7\"/>";
  const std::string moved = shifted(body);
  EXPECT_NE(moved.find("x1=\"4\" y1=\"0\" x2=\"6\" y2=\"2\""), std::string::npos) << moved;
  EXPECT_NE(moved.find("<path id=\"u\" d=\"M1 1\"/>"), std::string::npos) << moved;
  EXPECT_NE(moved.find("<use href=\"#u\" x=\"10\" y=\"-2\"/>"), std::string::npos) << moved;
  // What moved by itself needs no moving where it is used.
  EXPECT_EQ(shifted("<path id=\"a\" d=\"M1 1\"/><use href=\"#a\" x=\"7\"/>"),
            "<path id=\"a\" d=\"M4 -1\"/><use href=\"#a\" x=\"7\"/>");
}

TEST(MoveSvg, TextTurnsAboutItsPosition) {
  const std::string svg =
      "<svg viewBox=\"0 0 9 9\"><text x=\"3\" y=\"4\">a<tspan x=\"5\">b</tspan></text></svg>";
  const MovedSvg moved = move_svg(svg, {90, 0, 0, 0, 0});
  EXPECT_EQ(moved.text,
            "<svg viewBox=\"0 0 9 9\"><text x=\"-4\" y=\"3\" transform=\"rotate(90 -4 3)\">a"
            "<tspan x=\"-2\">b</tspan></text></svg>");
  ASSERT_EQ(moved.notes.size(), 1u);
  EXPECT_NE(moved.notes[0].find("text"), std::string::npos);
}

TEST(MoveSvg, RefusesWhatNobodyCouldFollow) {
  const auto refused = [](std::string_view part, const std::string& svg) {
    test::expect_refused(ErrorCode::kInvalid, part, [&] { move_svg(svg, {0, 0, 0, 1, 1}); });
  };
  refused("no svg element", "");
  refused("no svg element", "<p>text</p>");
  refused("breaks off", "<svg><rect x=\"1\"");
  refused("never closed", "<svg><rect x=\"1></svg>");
  refused("comment", "<svg><!-- </svg>");
  std::string deep = "<svg>";
  for (int i = 0; i < 100000; ++i) deep += "<g>";
  test::expect_refused(ErrorCode::kLimit, "deep", [&] { move_svg(deep, {0, 0, 0, 1, 1}); });
}

void refuses(const std::string& part, std::string_view body, double degrees = 0) {
  const std::string svg = fmt::format("<svg viewBox=\"0 0 100 100\">{}</svg>", body);
  test::expect_refused(ErrorCode::kUnsupported, part, [&] {
    move_svg(svg, {degrees, 0, 0, 3, -2});
  });
}

TEST(MoveSvg, RefusesSheetsThatSelectByWhatMovesRewrite) {
  refuses("selects elements by their x,",
          "<style>rect[x=\"5\"]{fill:red}</style><rect x=\"5\" width=\"3\" height=\"2\"/>");
  for (const char* selector : {"[cx^='1']", "path[ d ]", "g:not([transform])", ".a, line[x1]",
                               "*|circle[*|cy~=\"4\"]", "polygon[points$='0']", "a[svg|y]"}) {
    refuses(
        "a style sheet selects elements by their",
        fmt::format("<style>{}{{fill:red}}</style><circle cx=\"1\" cy=\"4\" r=\"2\"/>", selector));
  }
  // By what stays they may.
  const std::string sheet =
      "<style>rect[fill=\"x\"],[id=a],[class~='x1'],[lang|=y]{stroke:lime}</style>";
  EXPECT_EQ(shifted(sheet + "<rect fill=\"x\" x=\"5\" width=\"3\" height=\"2\"/>"),
            sheet + "<rect fill=\"x\" x=\"8\" width=\"3\" height=\"2\" y=\"-2\"/>");
}

TEST(MoveSvg, PutsNoGroupWhereASheetCountsChildren) {
  const std::string shape =
      "<rect x=\"5\" style=\"transform:rotate(3deg)\" width=\"3\" height=\"2\"/>";
  for (const char* selector : {"svg > rect", "rect:first-child", "g + rect", "g ~ rect"}) {
    refuses("child or sibling selectors",
            fmt::format("<style>{}{{fill:red}}</style>{}", selector, shape));
  }
  EXPECT_NE(shifted("<style>.a rect{fill:red}</style>" + shape).find("<g transform="),
            std::string::npos);
}

TEST(MoveSvg, RefusesNamesThatReadersTakeDifferently) {
  refuses("an element is called \"RECT\": SVG's name is rect", "<RECT x=\"5\" width=\"3\"/>");
  refuses("an element is called \"lineargradient\": SVG's name is linearGradient",
          "<defs><lineargradient id=\"a\"/></defs>");
  refuses("an attribute is called \"CX\": SVG's name is cx", "<circle CX=\"5\" r=\"3\"/>");
  refuses("gradientTransform", "<linearGradient gradienttransform=\"scale(2)\"/>");
  test::expect_refused(ErrorCode::kUnsupported, "\"SVG\"", [&] {
    move_svg("<SVG viewBox=\"0 0 9 9\"><rect/></SVG>", {0, 0, 0, 1, 1});
  });
  // The published sets say viewbox, which moves nothing; other namespaces have names of their own,
  // and so has HTML in a foreignObject.
  EXPECT_EQ(move_svg("<svg viewbox=\"0 0 9 9\"><circle cx=\"1\" cy=\"1\" r=\"2\"/></svg>",
                     {0, 0, 0, 3, -2})
                .text,
            "<svg viewbox=\"0 0 9 9\"><circle cx=\"4\" cy=\"-1\" r=\"2\"/></svg>");
  shifted("<metadata><dc:Set X=\"1\"/></metadata>");
  shifted(
      "<foreignObject x=\"1\" width=\"5\" height=\"5\"><DIV ID=\"a\"><A/></DIV></foreignObject>");
}

TEST(MoveSvg, AShiftKeepsItsDecimals) {
  EXPECT_EQ(shifted("<circle cx=\"50\" cy=\"20.5\" r=\"4\"/>", 0.507, 0.993),
            "<circle cx=\"50.507\" cy=\"21.493\" r=\"4\"/>");
  EXPECT_EQ(shifted("<path d=\"M1 2h3\"/>", 0.507, 0.993), "<path d=\"M1.507 2.993h3\"/>");
  EXPECT_EQ(
      shifted("<g transform=\"scale(2)\"><circle cx=\"5\" cy=\"2\" r=\"4\"/></g>", 0.507, 0.993),
      "<g transform=\"scale(2)\"><circle cx=\"5.2535\" cy=\"2.4965\" r=\"4\"/></g>");
}

TEST(DrawSvgMove, ShiftsAsTheBenchmarkDoes) {
  // 0.5 to 1 % of the canvas, right and down, each for itself, in thousandths.
  const std::string svg = "<svg viewBox=\"0 0 500 200\"><circle r=\"5\"/></svg>";
  double least = 1e9, most = 0.0;
  for (int copy = 0; copy < 200; ++copy) {
    const SvgMove t = draw_svg_move(svg, SvgMoveKind::kTranslate, 7, copy);
    EXPECT_GE(t.dx, 2.5);
    EXPECT_LE(t.dx, 5.0);
    EXPECT_GE(t.dy, 1.0);
    EXPECT_LE(t.dy, 2.0);
    EXPECT_NEAR(1000 * t.dx, std::round(1000 * t.dx), 1e-9);
    least = std::min(least, t.dx);
    most = std::max(most, t.dx);
  }
  EXPECT_LT(least, 2.6);
  EXPECT_GT(most, 4.9);
  const SvgMove tiny =
      draw_svg_move("<svg viewBox=\"0 0 1 1\"><rect/></svg>", SvgMoveKind::kTranslate, 7, 0);
  EXPECT_GE(tiny.dx, 0.005);
  EXPECT_LE(tiny.dx, 0.01);
}

TEST(DrawSvgMove, DependsOnItsArgumentsAlone) {
  const std::string svg = "<svg viewBox=\"0 0 160 160\"><circle r=\"5\"/></svg>";
  const SvgMove a = draw_svg_move(svg, SvgMoveKind::kRotate, 7, 2);
  const SvgMove b = draw_svg_move(svg, SvgMoveKind::kRotate, 7, 2);
  EXPECT_EQ(svg_transform_of(a), svg_transform_of(b));
  EXPECT_EQ(a.center_x, 80);
  bool differs = false;
  for (int copy = 0; copy < 50; ++copy) {
    const SvgMove m = draw_svg_move(svg, SvgMoveKind::kRotate, 7, copy);
    const SvgMove t = draw_svg_move(svg, SvgMoveKind::kTranslateFar, 7, copy);
    EXPECT_LE(std::abs(t.dx), 10);
    EXPECT_LE(std::abs(m.dx), 10);
    EXPECT_EQ(m.dx, std::round(m.dx));
    EXPECT_GE(std::abs(m.degrees), 5);
    EXPECT_LE(std::abs(m.degrees), 30);
    EXPECT_EQ(t.degrees, 0);
    EXPECT_NE(t.dx, 0);
    differs |= m.degrees != a.degrees;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace lathe
