#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "lathe/sgp/dataset.h"

#include "sgp/cad/drawing.h"
#include "support/paths.h"

namespace lathe {
namespace {

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++n;
  return n;
}

TEST(DrawCad, EveryProgramOfOurSetIsDrawn) {
  const std::vector<std::string> paths = {testdata("sgp/cad.csv.zst")};
  const SgpDataset set = load_sgp_data(paths);
  ASSERT_EQ(set.questions.size(), 240u);
  for (const SgpQuestion& q : set.questions) {
    const CadDrawing drawing = draw_cad(split_sgp_question(q.question).program);
    EXPECT_EQ(drawing.problem, "") << q.id;
    EXPECT_TRUE(drawing.left_out.empty()) << q.id;
    EXPECT_TRUE(drawing.svg.starts_with("<svg ")) << q.id;
    EXPECT_LT(drawing.svg.size(), 20'000u) << q.id;
  }
}

TEST(DrawCad, SketchEntitiesByHand) {
  const CadDrawing d = draw_cad(
      "0:External;1:Line(dirX=1.0, dirY=0.0, pntX=0.0, pntY=0.0, startParam=-1.0, endParam=1.0, "
      "isConstruction=False);2:SN_Start;SubnodeConstraint(references=(2, 1));"
      "3:Circle(xCenter=0, yCenter=1, xDir=1, yDir=0, radius=1, clockwise=False, "
      "isConstruction=True);4:Spline(degree=3);5:Point(x=0.5, y=0.5, "
      "isConstruction=False);6:Stop;");
  EXPECT_EQ(d.problem, "");
  EXPECT_EQ(count(d.svg, "<path"), 3u);
  EXPECT_EQ(count(d.svg, "dasharray"), 1u);
  // The line spans the whole width at the foot: y is upward.
  EXPECT_NE(d.svg.find("d=\"M12 252L252 252\""), std::string::npos) << d.svg;
  EXPECT_EQ(d.left_out, std::vector<std::string>{"Spline"});
}

TEST(DrawCad, AnArcBulgesToItsSide) {
  // A half circle that goes counterclockwise from the right to the left end: above the line.
  const CadDrawing up = draw_cad("SOL;Line:(200,100);Arc:(100,100,128,1);EOS");
  const CadDrawing down = draw_cad("SOL;Line:(200,100);Arc:(100,100,128,0);EOS");
  EXPECT_NE(up.svg.find("M252 132"), std::string::npos) << up.svg;
  EXPECT_NE(down.svg.find("M252 12"), std::string::npos) << down.svg;
}

TEST(DrawCad, ASquareBlockShowsThreeFaces) {
  const CadDrawing d = draw_cad(
      "SOL;Line:(200,128);Line:(200,200);Line:(128,200);Line:(128,128);"
      "Ext:(128,128,128,128,128,128,128,200,128,Newbody,One-sided);EOS");
  EXPECT_EQ(d.problem, "");
  EXPECT_EQ(count(d.svg, "<path"), 3u);
}

TEST(DrawCad, SaysWhyNot) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "nothing"},
      {"SOL;EOS", "nothing"},
      {"SOL;Line:(1)", "2 values"},
      {"SOL;Line:(1,x)", "no number"},
      {"SOL;Spline:(1,2)", "no SOL"},
      {"SOL;Line:(1,2);Circle:(1,2,3);EOS", "circle"},
      {"SOL;Circle:(1,2,3);Ext:(1,2);EOS", "11 values"},
      {"Ext:(1,2,3,4,5,6,7,8,9,Newbody,One-sided)", "without a loop"},
      {"SOL;Circle:(1,2,3);Ext:(1,2,3,4,5,6,7,8,9,Newbody,Odd)", "type"},
      {"0:External;1:Stop;", "no line"},
      {"SOL;Circle:(nan,1e999,3);EOS", "no number"},
  };
  for (const auto& [program, part] : cases) {
    const CadDrawing d = draw_cad(program);
    EXPECT_EQ(d.svg, "") << program;
    EXPECT_NE(d.problem.find(part), std::string::npos) << program << ": " << d.problem;
  }
}

}  // namespace
}  // namespace lathe
