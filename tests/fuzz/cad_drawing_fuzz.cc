// CAD programs: a drawing or a reason, never both, and never an exception.
#include "fuzz_input.h"
#include "sgp/cad/drawing.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const CadDrawing drawing = draw_cad(fuzz::text_of(data, size));
  if (drawing.svg.empty() == drawing.problem.empty()) std::abort();
  return 0;
}
