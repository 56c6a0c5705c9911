// What the two CAD drawings share: values of a program's text, flattened curves, and SVG out of
// them. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sgp/svg/geometry.h"

namespace lathe::cad {

using svg::Point;

inline constexpr std::size_t kMaxCurves = 20'000;  // of one program

// "Name:(1,2)" or "Name(a=1, b=2)" -> its name and the texts between the commas.
struct Call {
  std::string_view name;
  std::vector<std::string_view> arguments;
};
std::optional<Call> read_call(std::string_view text);
std::optional<double> number(std::string_view text);
// The value of "key=value" among the arguments; nothing when absent or no number.
std::optional<double> named(const Call& call, std::string_view key);
std::string_view named_text(const Call& call, std::string_view key);

// The pieces of a program between its semicolons, spaces stripped, empty ones left out.
std::vector<std::string_view> pieces(std::string_view program);

// Points on a circle or ellipse from angle `from` through `sweep` radians, both ends included.
// `axis` is the direction of the first radius.
std::vector<Point> arc_points(Point center, double radius, double minor, double axis, double from,
                              double sweep);

// Lines and areas in any units with y upward, turned into an SVG of a fixed size.
class Picture {
 public:
  struct Path {
    std::vector<std::vector<Point>> loops;
    bool closed = false;
    std::string style;  // attributes
  };

  void add(Path path) { paths_.push_back(std::move(path)); }
  bool empty() const { return paths_.empty(); }
  // Nothing when the coordinates aren't finite.
  std::optional<std::string> svg() const;

 private:
  std::vector<Path> paths_;
};

}  // namespace lathe::cad
