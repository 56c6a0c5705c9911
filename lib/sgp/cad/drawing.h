// CAD programs of SGP-Bench as simple SVG pictures, for people who read a report.
//
//   SOL;Line:(212,86);Arc:(212,170,128,1);…;Ext:(…);EOS     DeepCAD: sketches, each extruded
//   0:External;1:Line(dirX=…, …);2:SN_Start;…               SketchGraphs: a flat sketch
//
// Extrusions are seen from the front, the right and above, faces painted from far to near;
// what a program cuts or intersects is drawn as the outline of the tool, not computed. A flat
// sketch is drawn with y upward, construction lines dashed; constraints don't show.
//
// A drawing is some kilobytes of SVG without text of the program in it. A program that can't be
// drawn gives `problem`; entities of kinds that aren't known are counted in `left_out`.
// Sources: DeepCAD (arXiv 2105.09492), SketchGraphs (arXiv 2007.08506), and the meaning of
// their numbers in their published code. Nothing is thrown; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

struct CadDrawing {
  std::string svg;                    // empty where there is a problem
  std::string problem;                // "Ext needs 11 values"
  std::vector<std::string> left_out;  // "Spline", each kind once
};

CadDrawing draw_cad(std::string_view program);

}  // namespace lathe
