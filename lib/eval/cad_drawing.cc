#include "eval/cad_drawing.h"

#include "eval/cad_forms.h"
#include "eval/svg_number.h"

namespace lathe {

CadDrawing draw_cad(std::string_view program) {
  program = svg::trimmed(program);
  const bool numbered = !program.empty() && program.front() >= '0' && program.front() <= '9';
  return numbered ? cad::draw_sketch(program) : cad::draw_extrusions(program);
}

}  // namespace lathe
