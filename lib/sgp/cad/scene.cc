#include "sgp/cad/scene.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "sgp/svg/number.h"

namespace lathe::cad {
namespace {

constexpr double kSize = 240.0;   // of the longer side, in px
constexpr double kMargin = 12.0;  // around it
constexpr double kPiecesPerTurn = 32.0;

}  // namespace

std::optional<Call> read_call(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') return std::nullopt;
  Call out;
  out.name = svg::trimmed(text.substr(0, open));
  if (out.name.ends_with(':')) out.name = svg::trimmed(out.name.substr(0, out.name.size() - 1));
  std::string_view rest = text.substr(open + 1, text.size() - open - 2);
  while (true) {
    const std::size_t comma = rest.find(',');
    out.arguments.push_back(svg::trimmed(rest.substr(0, comma)));
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<double> number(std::string_view text) {
  const auto read = svg::read_number(text);
  if (!read || read->length != text.size() || std::abs(read->value) > 1e9) return std::nullopt;
  return read->value;
}

std::string_view named_text(const Call& call, std::string_view key) {
  for (const std::string_view argument : call.arguments) {
    const std::size_t equals = argument.find('=');
    if (equals != std::string_view::npos && svg::trimmed(argument.substr(0, equals)) == key) {
      return svg::trimmed(argument.substr(equals + 1));
    }
  }
  return {};
}

std::optional<double> named(const Call& call, std::string_view key) {
  return number(named_text(call, key));
}

std::vector<std::string_view> pieces(std::string_view program) {
  std::vector<std::string_view> out;
  while (!program.empty()) {
    const std::size_t end = std::min(program.find(';'), program.size());
    const std::string_view piece = svg::trimmed(program.substr(0, end));
    if (!piece.empty()) out.push_back(piece);
    program.remove_prefix(std::min(end + 1, program.size()));
  }
  return out;
}

std::vector<Point> arc_points(Point center, double radius, double minor, double axis, double from,
                              double sweep) {
  constexpr double kTurn = 2.0 * std::numbers::pi;
  sweep = std::clamp(sweep, -kTurn, kTurn);
  const int n = std::max(2, static_cast<int>(std::ceil(std::abs(sweep) / kTurn * kPiecesPerTurn)));
  const double c = std::cos(axis), s = std::sin(axis);
  std::vector<Point> out;
  for (int i = 0; i <= n; ++i) {
    const double t = from + sweep * i / n;
    const double u = radius * std::cos(t), v = minor * std::sin(t);
    out.push_back({center.x + u * c - v * s, center.y + u * s + v * c});
  }
  return out;
}

std::optional<std::string> Picture::svg() const {
  Point low{1e300, 1e300}, high{-1e300, -1e300};
  for (const Path& path : paths_) {
    for (const auto& loop : path.loops) {
      for (const Point p : loop) {
        if (!std::isfinite(p.x) || !std::isfinite(p.y)) return std::nullopt;
        low = {std::min(low.x, p.x), std::min(low.y, p.y)};
        high = {std::max(high.x, p.x), std::max(high.y, p.y)};
      }
    }
  }
  const double extent = std::max({high.x - low.x, high.y - low.y, 1e-12});
  const double scale = kSize / extent;
  if (!std::isfinite(scale)) return std::nullopt;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" stroke-linejoin=\"round\" stroke-linecap=\"round\">\n",
      std::ceil((high.x - low.x) * scale + 2 * kMargin),
      std::ceil((high.y - low.y) * scale + 2 * kMargin));
  for (const Path& path : paths_) {
    out += "<path d=\"";
    for (const auto& loop : path.loops) {
      char command = 'M';
      for (const Point p : loop) {
        out +=
            fmt::format("{}{} {}", command, svg::short_number((p.x - low.x) * scale + kMargin, 1),
                        svg::short_number((high.y - p.y) * scale + kMargin, 1));
        command = 'L';
      }
      if (path.closed) out += 'Z';
    }
    out += fmt::format("\" {}/>\n", path.style);
  }
  return out + "</svg>\n";
}

}  // namespace lathe::cad
