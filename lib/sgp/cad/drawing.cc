#include "sgp/cad/drawing.h"

#include "sgp/cad/forms.h"
#include "sgp/svg/number.h"

namespace lathe {

CadDrawing draw_cad(std::string_view program) {
  program = svg::trimmed(program);
  const bool numbered = !program.empty() && program.front() >= '0' && program.front() <= '9';
  return numbered ? cad::draw_sketch(program) : cad::draw_extrusions(program);
}

}  // namespace lathe
