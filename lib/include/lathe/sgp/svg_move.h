// The same drawing elsewhere: an SVG program with its coordinates shifted, or turned and shifted.
//
// Coordinates are rewritten in the program, not wrapped in one transform: every number that says
// where something is changes, and every other byte stays. Absolute and relative path commands,
// points, lists of transforms (a translate swallows the shift, a rotate moves its center),
// gradients, patterns, clip paths and masks in user space, use, nested svg, text, units and
// percentages are handled; turned, H and V become L, a rect a polygon (a rounded one a path), an
// ellipse a path of two arcs, the axes of arcs turn. viewBox stays.
//
// Where no coordinate can carry the turn (text, images, paint that follows an object's box,
// filters), the element gets a transform of its own; this is exact too, and listed in `notes`.
// What can't be read at all is refused, and so is what a move would draw otherwise: a style sheet
// that selects by an attribute which changes ([x="5"]), names that only some readers take for
// SVG's (<RECT>, CX="5").
//
// Errors: kInvalid for markup that breaks off or holds no svg element; kLimit for more than
// 200,000 elements or 500 levels; kUnsupported, saying why, for what can't be moved exactly.
// Functions are thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"

namespace lathe {

// Turned by `degrees` (clockwise on the screen) about a center, then shifted; user units of
// the outermost svg element.
struct SvgMove {
  double degrees = 0.0;
  double center_x = 0.0, center_y = 0.0;
  double dx = 0.0, dy = 0.0;
};

struct MovedSvg {
  std::string text;
  std::vector<std::string> notes;  // "text: turned by a transform", each once
};

LATHE_API MovedSvg move_svg(std::string_view svg, const SvgMove& move);

// kTranslate: by 0.5 to 1 % of the canvas to the right and as much down, each drawn for itself,
// three decimals (more on a canvas of a few units): what the benchmark's published sets inv_t0 to
// inv_t4 have. kTranslateFar: by up to a sixteenth of the canvas in any direction. kRotate: that,
// and a turn by 5 to 30 degrees about the middle.
enum class SvgMoveKind { kTranslate, kTranslateFar, kRotate };

// Draws a move that fits the drawing's canvas. It depends on the program's bytes, the kind, the
// seed and the copy's number, and on nothing else.
LATHE_API SvgMove draw_svg_move(std::string_view svg, SvgMoveKind kind, std::uint64_t seed,
                                int copy);

// The move as an SVG transform list, to check a rewritten program against.
LATHE_API std::string svg_transform_of(const SvgMove& move);

}  // namespace lathe
