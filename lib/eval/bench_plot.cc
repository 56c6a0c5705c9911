#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "lathe/bench_compare.h"

#include "eval/escape_markup.h"

namespace lathe {
namespace {

constexpr int kRow = 34;     // height of a bar's row
constexpr int kTop = 64;     // title and unit
constexpr int kBottom = 36;  // axis
constexpr int kLeft = 190;   // labels
constexpr int kPlot = 480;   // the longest bar
constexpr int kWidth = kLeft + kPlot + 90;

// A step of 1, 2 or 5 times a power of ten that cuts [0, most] into three to seven parts.
double tick_step(double most) {
  const double power = std::pow(10.0, std::floor(std::log10(most)));
  for (const double factor : {0.2, 0.5, 1.0}) {
    if (most / (power * factor) <= 6.0) return power * factor;
  }
  return power * 2.0;
}

}  // namespace

std::string plot_svg(std::string_view title, std::string_view unit,
                     std::span<const BenchBar> bars) {
  double most = 1e-9;
  for (const BenchBar& bar : bars) most = std::max({most, bar.value, bar.high});
  const auto x = [&](double value) { return kLeft + std::max(0.0, value) / most * kPlot; };
  const int height = kTop + kRow * static_cast<int>(bars.size()) + kBottom;
  const int axis = height - kBottom;

  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
      "<text x=\"16\" y=\"26\" font-size=\"17\" fill=\"#222\">{2}</text>\n"
      "<text x=\"16\" y=\"46\" fill=\"#666\">{3}</text>\n",
      kWidth, height, escape_markup(title), escape_markup(unit));
  const double step = tick_step(most);
  for (int tick = 0; tick * step <= most * 1.0001; ++tick) {
    const double at = x(tick * step);
    out += fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"#ddd\"/>"
        "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#666\">{4:g}</text>\n",
        at, kTop - 6, axis, axis + 18, tick * step);
  }
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const BenchBar& bar = bars[i];
    const int top = kTop + kRow * static_cast<int>(i);
    const int middle = top + 11;
    out += fmt::format(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#222\">{}</text>"
        "<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"22\" fill=\"{}\"/>"
        "<line x1=\"{:.1f}\" y1=\"{}\" x2=\"{:.1f}\" y2=\"{}\" stroke=\"#222\" "
        "stroke-width=\"2\"/>"
        "<text x=\"{:.1f}\" y=\"{}\" fill=\"#222\">{:.4g}</text>\n",
        kLeft - 10, middle + 5, escape_markup(bar.label), kLeft, top, x(bar.value) - kLeft,
        bar.other ? "#a9b1bb" : "#3b7dd8", x(bar.low), middle, x(bar.high), middle,
        x(std::max(bar.value, bar.high)) + 8, middle + 5, bar.value);
  }
  return out + "</svg>\n";
}

}  // namespace lathe
