// The little of CSS that moving a drawing needs to know: declarations of a style attribute, and
// what a style sheet might do to geometry. Thread-safe; nothing here throws.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe::svg {

using Declarations = std::vector<std::pair<std::string, std::string>>;  // names in lower case

Declarations read_declarations(std::string_view style);
std::string find_declaration(const Declarations& declarations, std::string_view name);

// "url(#a)", "url('#a')" -> "a"; "" for anything else.
std::string local_url(std::string_view value);

// What the rules of all style sheets together touch.
struct SheetEffects {
  bool references = false;   // url(...): paint, clips, markers
  bool geometry = false;     // cx, x, d, width ...
  bool transforms = false;   // transform, offset-path, translate ...
  bool directional = false;  // filters, clip shapes: they do not turn with coordinates
  bool dashes = false;
  bool markers = false;
  bool names_rect = false;    // selectors that a renamed element would escape
  bool names_circle = false;  // circle or ellipse
  bool fragile = false;       // [attribute] and :nth-of-type selectors
  bool positions = false;     // child and sibling selectors: a new group around one breaks them
  std::string rewritten;      // an attribute of a selector that moves rewrite, "x"; or ""
};
// Whether moving may rewrite the attribute, add it or take it away.
bool is_rewritten_attribute(std::string_view name);
void note_sheet(std::string_view css, SheetEffects& effects);

// Whether a property moves or shapes an element, so that attributes alone don't say where it is.
bool is_geometry_property(std::string_view name);
bool is_transform_property(std::string_view name);

}  // namespace lathe::svg
