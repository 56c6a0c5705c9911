#include "quantize/curve.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "lathe/host/escape.h"

#include "common/human_bytes.h"

namespace lathe::tool {
namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 80, kRight = 20, kTop = 40, kBottom = 50;

std::string escape_xml(const std::string& text) {
  std::string out;
  for (const char c : lathe::escape_for_terminal(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string curve_table(std::span<const CurvePoint> points) {
  std::string out = "      size  bits/weight  expected KL\n";
  for (const CurvePoint& p : points) {
    out += fmt::format("{:>10}  {:>11.2f}  {:>11.5f}\n", human_bytes(p.bytes), p.bits, p.kld);
  }
  return out;
}

std::string curve_svg(std::span<const CurvePoint> points, const std::string& title) {
  const double low_bytes = static_cast<double>(points.front().bytes);
  const double high_bytes = static_cast<double>(points.back().bytes);
  const double low = std::floor(std::log10(points.back().kld));
  const double high = std::max(low + 1.0, std::ceil(std::log10(points.front().kld)));
  const auto x = [&](std::uint64_t bytes) {
    return kLeft + (kWidth - kLeft - kRight) * (static_cast<double>(bytes) - low_bytes) /
                       std::max(1.0, high_bytes - low_bytes);
  };
  const auto y = [&](double kld) {
    return kTop + (kHeight - kTop - kBottom) * (high - std::log10(kld)) / (high - low);
  };
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{}\" y=\"20\">{}</text>\n",
      kWidth, kHeight, kLeft, escape_xml(title));
  for (double decade = low; decade <= high; decade += 1.0) {
    const double at = y(std::pow(10.0, decade));
    out += fmt::format(
        "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
        kLeft, kWidth - kRight, at, at, kLeft - 6, at + 4, std::pow(10.0, decade));
  }
  std::string line;
  for (const CurvePoint& p : points) line += fmt::format("{:.1f},{:.1f} ", x(p.bytes), y(p.kld));
  out += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"2\"/>\n",
                     line);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const CurvePoint& p = points[i];
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"#06c\"/>\n", x(p.bytes),
                       y(p.kld));
    if (i % 4 != 0) continue;
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(p.bytes),
                       kHeight - kBottom + 18, human_bytes(p.bytes));
  }
  return out + fmt::format(
                   "<text x=\"{}\" y=\"{}\">size of the file; expected KL divergence (nats)"
                   "</text>\n</svg>\n",
                   kLeft, kHeight - 12);
}

}  // namespace lathe::tool
