// Moving SVG markup: no crash, no hang, and a shift by nothing gives the same bytes.
#include "lathe/sgp/svg_move.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  const auto text = fuzz::text_of(data, size);
  fuzz::expect_no_bug([&] {
    if (move_svg(text, {}).text != text) std::abort();
    move_svg(text, draw_svg_move(text, SvgMoveKind::kTranslate, 1, 0));
    move_svg(text, draw_svg_move(text, SvgMoveKind::kTranslateFar, 1, 0));
    move_svg(text, draw_svg_move(text, SvgMoveKind::kRotate, 1, 0));
  });
  return 0;
}
