// Plane geometry of SVG: points, rigid motions, and the transforms of a transform list.
//
// x goes right and y down, so a positive angle turns clockwise on the screen, as in SVG.
// Plain values; everything here is thread-safe.
#pragma once

#include <cmath>
#include <numbers>

namespace lathe::svg {

struct Point {
  double x = 0.0, y = 0.0;
};

inline Point operator+(Point a, Point b) { return {a.x + b.x, a.y + b.y}; }
inline Point operator-(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }

// p -> turned by `degrees` about the origin, then shifted.
class Motion {
 public:
  Motion() = default;
  Motion(double degrees, Point shift) : degrees_(degrees), shift_(shift) {
    if (degrees == 0.0) return;
    const double radians = degrees * std::numbers::pi / 180.0;
    cos_ = std::cos(radians);
    sin_ = std::sin(radians);
  }
  static Motion about(double degrees, Point center, Point shift) {
    const Motion turn(degrees, {});
    return {degrees, center - turn.vector(center) + shift};
  }

  double degrees() const { return degrees_; }
  Point shift() const { return shift_; }
  bool turns() const { return degrees_ != 0.0; }
  bool moves() const { return turns() || shift_.x != 0.0 || shift_.y != 0.0; }

  Point vector(Point v) const { return {v.x * cos_ - v.y * sin_, v.x * sin_ + v.y * cos_}; }
  Point operator()(Point p) const { return vector(p) + shift_; }

  Motion with_shift(Point shift) const {
    Motion out = *this;
    out.shift_ = shift;
    return out;
  }
  Motion inverse() const {
    const Motion back(-degrees_, {});
    const Point at = back.vector(shift_);
    return {-degrees_, {-at.x, -at.y}};
  }
  // The point that stays where it is; only for one that turns.
  Point center() const {
    // (I - R) c = shift, and I - R has determinant 2 - 2 cos.
    const double d = 2.0 - 2.0 * cos_;
    const double a = 1.0 - cos_;
    return {(a * shift_.x - sin_ * shift_.y) / d, (sin_ * shift_.x + a * shift_.y) / d};
  }

 private:
  double degrees_ = 0.0;
  double cos_ = 1.0, sin_ = 0.0;
  Point shift_;
};

// First `inner`, then `outer`.
inline Motion operator*(const Motion& outer, const Motion& inner) {
  return {outer.degrees() + inner.degrees(), outer(inner.shift())};
}

inline bool nearly_same(const Motion& a, const Motion& b) {
  const auto close = [](double p, double q) {
    return std::abs(p - q) <= 1e-9 * (1.0 + std::abs(p) + std::abs(q));
  };
  return close(a.degrees(), b.degrees()) && close(a.shift().x, b.shift().x) &&
         close(a.shift().y, b.shift().y);
}

// x' = a x + c y + e, y' = b x + d y + f.
struct Matrix {
  double a = 1.0, b = 0.0, c = 0.0, d = 1.0, e = 0.0, f = 0.0;

  Point operator()(Point p) const { return {a * p.x + c * p.y + e, b * p.x + d * p.y + f}; }
  double determinant() const { return a * d - b * c; }
};

inline Matrix operator*(const Matrix& m, const Matrix& n) {
  return {m.a * n.a + m.c * n.b, m.b * n.a + m.d * n.b,       m.a * n.c + m.c * n.d,
          m.b * n.c + m.d * n.d, m.a * n.e + m.c * n.f + m.e, m.b * n.e + m.d * n.f + m.f};
}

inline Matrix matrix_of(const Motion& m) {
  const Point x = m.vector({1.0, 0.0}), y = m.vector({0.0, 1.0});
  return {x.x, x.y, y.x, y.y, m.shift().x, m.shift().y};
}

}  // namespace lathe::svg
