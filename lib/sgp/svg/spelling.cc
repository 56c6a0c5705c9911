#include "sgp/svg/spelling.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"

namespace lathe::svg {
namespace {

// Elements that draw, hold what draws, or say how.
constexpr std::string_view kElements[] = {"svg",
                                          "g",
                                          "a",
                                          "defs",
                                          "symbol",
                                          "use",
                                          "switch",
                                          "path",
                                          "rect",
                                          "circle",
                                          "ellipse",
                                          "line",
                                          "polyline",
                                          "polygon",
                                          "text",
                                          "tspan",
                                          "textPath",
                                          "tref",
                                          "image",
                                          "mask",
                                          "pattern",
                                          "marker",
                                          "filter",
                                          "clipPath",
                                          "style",
                                          "stop",
                                          "script",
                                          "view",
                                          "foreignObject",
                                          "linearGradient",
                                          "animate",
                                          "set",
                                          "animateMotion",
                                          "animateTransform",
                                          "radialGradient"};

constexpr std::string_view kAttributes[] = {"x",
                                            "y",
                                            "x1",
                                            "y1",
                                            "x2",
                                            "y2",
                                            "cx",
                                            "cy",
                                            "r",
                                            "rx",
                                            "ry",
                                            "fx",
                                            "fy",
                                            "dx",
                                            "dy",
                                            "d",
                                            "width",
                                            "height",
                                            "points",
                                            "transform",
                                            "rotate",
                                            "id",
                                            "href",
                                            "style",
                                            "class",
                                            "fill",
                                            "stroke",
                                            "mask",
                                            "filter",
                                            "clip-path",
                                            "refX",
                                            "refY",
                                            "offset",
                                            "startOffset",
                                            "textLength",
                                            "attributeName",
                                            "maskUnits",
                                            "filterUnits",
                                            "clipPathUnits",
                                            "gradientUnits",
                                            "patternUnits",
                                            "primitiveUnits",
                                            "maskContentUnits",
                                            "gradientTransform",
                                            "patternTransform",
                                            "patternContentUnits"};

// The name that `written` is but for its case, or "".
std::string_view meant_name(std::string_view written, std::span<const std::string_view> names) {
  const std::string lower = to_lower_ascii(written);
  for (const std::string_view name : names) {
    if (name == written) return {};
    if (to_lower_ascii(name) == lower) return name;
  }
  return {};
}

// The prefix of an element's name, "svg:" in "<svg:rect>".
std::string_view prefix_of(const Markup& markup, const Element& e) {
  return markup.text().substr(e.begin + 1, e.name_begin - e.begin - 1);
}

[[noreturn]] void refuse(std::string_view what, std::string_view written, std::string_view meant) {
  fail(ErrorCode::kUnsupported,
       "{} is called {}: SVG's name is {}, and not all readers take the one for the other", what,
       quoted(written), meant);
}

}  // namespace

void check_spelling(const Markup& markup) {
  std::size_t foreign_end = 0;  // within a foreignObject names are another language's
  std::string_view prefix;
  bool inside = false;
  for (const Element& e : markup.elements()) {
    if (e.begin < foreign_end) continue;
    if (!inside && to_lower_ascii(e.name) == "svg") {
      inside = true;
      prefix = prefix_of(markup, e);
    }
    // Other namespaces have other names.
    if (inside && prefix_of(markup, e) != prefix) continue;
    if (const auto meant = meant_name(e.name, kElements); !meant.empty()) {
      refuse("an element", e.name, meant);
    }
    for (const Attribute& a : e.attributes) {
      if (const auto meant = meant_name(a.name, kAttributes); !meant.empty()) {
        refuse("an attribute", a.name, meant);
      }
    }
    if (e.name == "foreignObject") foreign_end = e.end();
  }
}

}  // namespace lathe::svg
