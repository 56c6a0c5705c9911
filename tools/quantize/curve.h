// The curve of size against expected loss: as a table, and drawn.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace lathe::tool {

struct CurvePoint {
  std::uint64_t bytes = 0;  // of the file
  double bits = 0.0;        // per weight of the matrices
  double kld = 0.0;         // expected
};

std::string curve_table(std::span<const CurvePoint> points);
// SVG, the loss on a logarithmic scale. At least two points.
std::string curve_svg(std::span<const CurvePoint> points, const std::string& title);

}  // namespace lathe::tool
