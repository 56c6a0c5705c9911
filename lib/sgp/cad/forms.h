// The two forms of CAD text, each with its own drawing. Thread-safe.
#pragma once

#include <string_view>

#include "sgp/cad/drawing.h"

namespace lathe::cad {

CadDrawing draw_sketch(std::string_view program);      // SketchGraphs
CadDrawing draw_extrusions(std::string_view program);  // DeepCAD

}  // namespace lathe::cad
