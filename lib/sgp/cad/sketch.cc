// SketchGraphs' flat sketches: numbered entities, then constraints, which don't show.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "sgp/cad/forms.h"
#include "sgp/cad/scene.h"
#include "sgp/svg/number.h"

namespace lathe::cad {
namespace {

constexpr std::string_view kSolid = R"(fill="none" stroke="#1b3a5c" stroke-width="2.2")";
constexpr std::string_view kConstruction =
    R"(fill="none" stroke="#8a97a6" stroke-width="1.4" stroke-dasharray="6 4")";
constexpr std::string_view kPoint = R"(stroke="#c2410c" stroke-width="6")";

class Sketch {
 public:
  CadDrawing draw(std::string_view program) {
    for (std::string_view piece : pieces(program)) {
      // "12:Line(...)"; constraints have no number.
      const std::size_t colon = piece.find(':');
      const bool numbered = colon != std::string_view::npos && number(piece.substr(0, colon));
      if (!numbered) continue;
      piece = svg::trimmed(piece.substr(colon + 1));
      const std::string_view name = svg::trimmed(piece.substr(0, piece.find('(')));
      if (name == "External" || name == "Stop" || name.starts_with("SN_")) continue;
      const auto call = piece.empty() ? std::nullopt : read_call(piece);
      if (++curves_ > kMaxCurves) return problem("more curves than anybody draws");
      if (!call || !entity(*call)) {
        const std::string kind(name.substr(0, 40));
        if (std::find(out_.left_out.begin(), out_.left_out.end(), kind) == out_.left_out.end()) {
          out_.left_out.push_back(kind);
        }
      }
    }
    if (picture_.empty()) return problem("no line, circle, arc, ellipse or point in it");
    auto svg = picture_.svg();
    if (!svg) return problem("its numbers are not finite");
    out_.svg = std::move(*svg);
    return std::move(out_);
  }

 private:
  CadDrawing problem(std::string_view what) {
    out_.svg.clear();
    out_.problem = what;
    return std::move(out_);
  }

  // False for an unknown kind, or one whose numbers are missing.
  bool entity(const Call& c) {
    const std::string_view style =
        named_text(c, "isConstruction") == "True" ? kConstruction : kSolid;
    if (c.name == "Point") {
      const auto x = named(c, "x"), y = named(c, "y");
      if (!x || !y) return false;
      picture_.add({{{{*x, *y}, {*x, *y}}}, false, std::string(kPoint)});
      return true;
    }
    if (c.name == "Line") return line(c, style);
    if (c.name == "Circle" || c.name == "Arc" || c.name == "Ellipse" || c.name == "EllipticalArc") {
      return round(c, style);
    }
    return false;
  }

  bool line(const Call& c, std::string_view style) {
    const auto dx = named(c, "dirX"), dy = named(c, "dirY");
    const auto x = named(c, "pntX"), y = named(c, "pntY");
    const auto from = named(c, "startParam"), to = named(c, "endParam");
    if (!dx || !dy || !x || !y || !from || !to) return false;
    const Point a{*x + *dx * *from, *y + *dy * *from}, b{*x + *dx * *to, *y + *dy * *to};
    picture_.add({{{a, b}}, false, std::string(style)});
    return true;
  }

  bool round(const Call& c, std::string_view style) {
    const auto x = named(c, "xCenter"), y = named(c, "yCenter"), r = named(c, "radius");
    if (!x || !y || !r || *r < 0.0) return false;
    const bool ellipse = c.name.starts_with("Ellip");
    const auto minor = ellipse ? named(c, "minorRadius") : r;
    if (!minor || *minor < 0.0) return false;
    const double axis = std::atan2(named(c, "yDir").value_or(0.0), named(c, "xDir").value_or(1.0));
    double from = 0.0, sweep = 2.0 * std::numbers::pi;
    const bool open = c.name.find("Arc") != std::string_view::npos;
    if (open) {
      const auto start = named(c, "startParam"), end = named(c, "endParam");
      if (!start || !end) return false;
      from = *start;
      sweep = *end - *start;
    }
    if (named_text(c, "clockwise") == "True") {
      from = -from;
      sweep = -sweep;
    }
    picture_.add(
        {{arc_points({*x, *y}, *r, *minor, axis, from, sweep)}, !open, std::string(style)});
    return true;
  }

  Picture picture_;
  CadDrawing out_;
  std::size_t curves_ = 0;
};

}  // namespace

CadDrawing draw_sketch(std::string_view program) { return Sketch().draw(program); }

}  // namespace lathe::cad
