// DeepCAD's solids: loops of curves in the plane of a sketch, each sketch extruded.
//
// Numbers are 8 bits: 128 stands for zero. A loop begins where its last curve ends. A sketch's
// own coordinates are (v - 128) / 127 times its size; its plane has its origin at (px, py, pz)
// and its normal at polar angles theta and phi, turned by gamma about it.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "sgp/cad/forms.h"
#include "sgp/cad/scene.h"

namespace lathe::cad {
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;
constexpr double kMiddle = 128.0;

struct Point3 {
  double x = 0.0, y = 0.0, z = 0.0;
};
Point3 operator+(Point3 a, Point3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Point3 operator*(double f, Point3 a) { return {f * a.x, f * a.y, f * a.z}; }
double dot(Point3 a, Point3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Point3 cross(Point3 a, Point3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// Seen from the right (x), the front (-y) and above (z): an isometric view.
constexpr double kThird = 0.57735026918962573;
constexpr Point3 kToViewer{kThird, -kThird, kThird};
Point projected(Point3 p) {
  constexpr double kCos30 = 0.86602540378443865;
  return {(p.x + p.y) * kCos30, p.z + (p.y - p.x) * 0.5};
}

using Loop = std::vector<Point>;

double area(const Loop& loop) {
  double sum = 0.0;
  for (std::size_t i = 0; i < loop.size(); ++i) {
    const Point a = loop[i], b = loop[(i + 1) % loop.size()];
    sum += a.x * b.y - b.x * a.y;
  }
  return sum / 2.0;
}

struct Ink {
  std::string_view top, side, line;
  bool ghost;  // not matter: a tool that cuts
};
Ink ink_of(std::string_view operation) {
  if (operation == "Cut") return {"#fecaca", "#fca5a5", "#b91c1c", true};
  if (operation == "Intersect") return {"#e9d5ff", "#d8b4fe", "#7e22ce", true};
  if (operation == "Join") return {"#bbf7d0", "#86efac", "#166534", false};
  return {"#dbeafe", "#a9c9f5", "#1b3a5c", false};
}

struct Face {
  double depth = 0.0;  // toward the viewer
  Picture::Path path;
};

class Solid {
 public:
  CadDrawing draw(std::string_view program) {
    for (const std::string_view piece : pieces(program)) {
      if (piece == "EOS") break;
      if (!step(piece)) return refused();
    }
    end_loop();
    if (problem_.empty() && !loops_.empty()) flat();  // a sketch that nothing extrudes
    if (problem_.empty() && faces_.empty()) problem_ = "nothing in it to draw";
    if (!problem_.empty()) return refused();
    std::stable_sort(faces_.begin(), faces_.end(),
                     [](const Face& a, const Face& b) { return a.depth < b.depth; });
    Picture picture;
    for (Face& face : faces_) picture.add(std::move(face.path));
    for (Face& face : ghosts_) picture.add(std::move(face.path));
    auto svg = picture.svg();
    if (!svg) {
      problem_ = "its numbers are not finite";
      return refused();
    }
    CadDrawing out;
    out.svg = std::move(*svg);
    return out;
  }

 private:
  struct Curve {
    std::string_view kind;
    std::vector<double> values;
  };

  CadDrawing refused() {
    CadDrawing out;
    out.problem = problem_;
    return out;
  }

  bool fail(std::string what) {
    problem_ = std::move(what);
    return false;
  }

  bool step(std::string_view piece) {
    if (piece == "SOL") {
      end_loop();
      return true;
    }
    const auto call = read_call(piece);
    if (!call) return fail("a step that is no SOL, Line, Arc, Circle, Ext or EOS");
    if (call->name == "Ext") {
      end_loop();
      return problem_.empty() && extrude(*call);
    }
    const std::size_t wanted = call->name == "Line"     ? 2u
                               : call->name == "Circle" ? 3u
                               : call->name == "Arc"    ? 4u
                                                        : 0u;
    if (wanted == 0) return fail("a step that is no SOL, Line, Arc, Circle, Ext or EOS");
    if (call->arguments.size() != wanted) {
      return fail(fmt::format("{} needs {} values", call->name, wanted));
    }
    Curve curve{call->name, {}};
    for (const std::string_view text : call->arguments) {
      const auto value = number(text);
      if (!value) return fail(fmt::format("{} has a value that is no number", call->name));
      curve.values.push_back(*value);
    }
    if (++curves_ > kMaxCurves) return fail("more curves than anybody draws");
    open_.push_back(std::move(curve));
    return true;
  }

  void end_loop() {
    if (open_.empty()) return;
    const Curve& last = open_.back();
    Loop loop;
    Point at{last.values[0], last.values[1]};  // where it begins is where it ends
    for (const Curve& c : open_) {
      const Point end{c.values[0], c.values[1]};
      if (c.kind == "Circle") {
        loop = arc_points(end, c.values[2], c.values[2], 0.0, 0.0, kTurn);
        loop.pop_back();
        if (open_.size() > 1) problem_ = "a circle that is part of a loop";
      } else if (c.kind == "Arc") {
        append_arc(loop, at, end, c.values[2] / 256.0 * kTurn, c.values[3] != 0.0);
      } else {
        loop.push_back(end);
      }
      at = end;
    }
    open_.clear();
    loops_.push_back(std::move(loop));
  }

  // From `a` to `b` through `sweep` radians, counterclockwise or not.
  static void append_arc(Loop& loop, Point a, Point b, double sweep, bool counter) {
    const Point chord = b - a;
    const double length = std::hypot(chord.x, chord.y), half = sweep / 2.0;
    if (length == 0.0 || std::sin(half) < 1e-6) {
      loop.push_back(b);
      return;
    }
    const double radius = length / 2.0 / std::sin(half);
    const double away = radius * std::cos(half) / length;  // the center lies to the left, or right
    const double side = counter ? 1.0 : -1.0;
    const Point center{(a.x + b.x) / 2.0 - side * chord.y * away,
                       (a.y + b.y) / 2.0 + side * chord.x * away};
    const double from = std::atan2(a.y - center.y, a.x - center.x);
    const auto points = arc_points(center, radius, radius, 0.0, from, side * sweep);
    loop.insert(loop.end(), points.begin() + 1, points.end() - 1);
    loop.push_back(b);
  }

  void flat() {
    Picture::Path path{loops_, true,
                       R"(fill="#dbeafe" fill-rule="evenodd" stroke="#1b3a5c" stroke-width="2")"};
    faces_.push_back({1e300, std::move(path)});
  }

  bool extrude(const Call& call) {
    if (call.arguments.size() != 11) return fail("Ext needs 11 values");
    if (loops_.empty()) return fail("Ext without a loop before it");
    std::array<double, 9> v{};
    for (std::size_t i = 0; i < v.size(); ++i) {
      const auto value = number(call.arguments[i]);
      if (!value) return fail("Ext has a value that is no number");
      v[i] = *value;
    }
    const auto angle = [&](std::size_t i) { return v[i] / 256.0 * kTurn - kTurn / 2.0; };
    const auto length = [&](std::size_t i) { return v[i] / 256.0 * 2.0 - 1.0; };
    const double theta = angle(0), phi = angle(1), gamma = angle(2);
    const Point3 normal{std::sin(theta) * std::cos(phi), std::sin(theta) * std::sin(phi),
                        std::cos(theta)};
    const Point3 u{std::cos(theta) * std::cos(phi), std::cos(theta) * std::sin(phi),
                   -std::sin(theta)};
    const Point3 w = cross(normal, u);
    const Point3 x_axis = std::cos(gamma) * u + std::sin(gamma) * w;
    const Point3 y_axis = cross(normal, x_axis);
    const Point3 origin{length(3), length(4), length(5)};
    const double size = v[6] / 256.0 * 2.0 / 127.0;

    const std::string_view type = call.arguments[10];
    double from = 0.0, to = length(7);
    if (type == "Symmetric") {
      from = -to;
    } else if (type == "Two-sided") {
      from = -length(8);
    } else if (type != "One-sided") {
      return fail("Ext of a type that is not known");
    }
    if (from > to) std::swap(from, to);
    const auto at = [&](Point p, double height) {
      return origin + (size * (p.x - kMiddle)) * x_axis + (size * (p.y - kMiddle)) * y_axis +
             height * normal;
    };
    body(call.arguments[9], normal, from, to, at);
    loops_.clear();
    return true;
  }

  template <typename At>
  void body(std::string_view operation, Point3 normal, double from, double to, At&& at) {
    const Ink ink = ink_of(operation);
    std::vector<Face>& out = ink.ghost ? ghosts_ : faces_;
    const std::string_view ghost = ink.ghost ? R"( fill-opacity=".35" stroke-dasharray="5 3")" : "";
    const bool top_seen = dot(normal, kToViewer) > 0.0;
    Face cap;
    cap.path.closed = true;
    cap.path.style =
        fmt::format(R"(fill="{}" fill-rule="evenodd" stroke="{}" stroke-width="1.6"{})", ink.top,
                    ink.line, ghost);
    std::size_t points = 0;
    for (std::size_t l = 0; l < loops_.size(); ++l) {
      const Loop& loop = loops_[l];
      // The first loop is the outline, the others holes: their walls face inward.
      const double outward = (area(loop) > 0.0) == (l == 0) ? 1.0 : -1.0;
      std::vector<Point> cap_loop;
      for (std::size_t i = 0; i < loop.size(); ++i) {
        const Point a = loop[i], b = loop[(i + 1) % loop.size()];
        const Point3 low_a = at(a, from), low_b = at(b, from), high_a = at(a, to),
                     high_b = at(b, to);
        const Point3 near = top_seen ? high_a : low_a;
        cap_loop.push_back(projected(near));
        cap.depth += dot(near, kToViewer);
        ++points;
        const Point3 wall = outward * cross(low_b + -1.0 * low_a, normal);
        if (dot(wall, kToViewer) <= 0.0) continue;
        Face side;
        side.depth = (dot(low_a, kToViewer) + dot(low_b, kToViewer) + dot(high_a, kToViewer) +
                      dot(high_b, kToViewer)) /
                     4.0;
        side.path.closed = true;
        side.path.loops = {
            {projected(low_a), projected(low_b), projected(high_b), projected(high_a)}};
        // Curves are many narrow walls: their seams shall not show.
        const bool seam = is_smooth(loop, i);
        side.path.style = fmt::format(R"(fill="{}" stroke="{}" stroke-width="{}"{})", ink.side,
                                      seam ? ink.side : ink.line, seam ? ".6" : "1.2", ghost);
        out.push_back(std::move(side));
      }
      cap.path.loops.push_back(std::move(cap_loop));
    }
    // The cap that is seen lies before all of its body's walls.
    const double half = std::abs(dot((to - from) / 2.0 * normal, kToViewer));
    cap.depth = cap.depth / static_cast<double>(std::max<std::size_t>(points, 1)) + half;
    out.push_back(std::move(cap));
  }

  // Whether the wall from point i is one of a curve: it turns a little at both its ends.
  static bool is_smooth(const Loop& loop, std::size_t i) {
    const std::size_t n = loop.size();
    if (n < 8) return false;
    const auto direction = [&](std::size_t k) {
      const Point d = loop[(k + 1) % n] - loop[k % n];
      return std::atan2(d.y, d.x);
    };
    const auto turn = [&](std::size_t a, std::size_t b) {
      return std::abs(std::remainder(direction(b) - direction(a), kTurn));
    };
    return turn(i + n - 1, i) < 0.4 && turn(i, i + 1) < 0.4;
  }

  std::vector<Curve> open_;
  std::vector<Loop> loops_;
  std::vector<Face> faces_, ghosts_;
  std::string problem_;
  std::size_t curves_ = 0;
};

}  // namespace

CadDrawing draw_extrusions(std::string_view program) { return Solid().draw(program); }

}  // namespace lathe::cad
