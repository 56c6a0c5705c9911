#include "lathe/bench/plot.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "base/escape_markup.h"

namespace lathe {
namespace {

// Pixels, but for the widths of letters, which are guessed: the font is the reader's.
constexpr int kRow = 26;       // a bar and the room below it
constexpr int kBar = 18;       // height of a bar
constexpr int kGap = 8;        // before a bar of ours: those beside it stand closer
constexpr int kTop = 66;       // title and subtitle
constexpr int kHeading = 26;   // of a panel
constexpr int kAxis = 34;      // ticks below a panel
constexpr int kPlot = 440;     // the longest bar
constexpr int kFigures = 190;  // the figures behind it
constexpr int kMargin = 20;
constexpr double kLetter = 7.8;
constexpr int kMinLabels = 90;
constexpr int kMaxLabels = 360;

// A limit many times as far away as the longest bar would leave no room for the bars.
constexpr double kFarLimit = 4.0;

using Bars = std::vector<const BenchBar*>;

// A step of 1, 2 or 5 times a power of ten that cuts [0, most] into three to seven parts.
double tick_step(double most) {
  const double power = std::pow(10.0, std::floor(std::log10(most)));
  for (const double factor : {0.2, 0.5, 1.0}) {
    if (most / (power * factor) <= 6.0) return power * factor;
  }
  return power * 2.0;
}

// Three digits, or all before the point.
std::string figure(double value) {
  return value >= 100.0 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

std::vector<Bars> panels_of(std::span<const BenchBar> bars) {
  std::vector<Bars> panels;
  for (const BenchBar& bar : bars) {
    const auto known = std::find_if(panels.begin(), panels.end(), [&](const Bars& panel) {
      return panel.front()->panel == bar.panel;
    });
    if (known == panels.end()) {
      panels.push_back({&bar});
    } else {
      known->push_back(&bar);
    }
  }
  return panels;
}

int label_width(std::span<const BenchBar> bars) {
  std::size_t letters = 0;
  for (const BenchBar& bar : bars) letters = std::max(letters, bar.label.size());
  return std::clamp(static_cast<int>(static_cast<double>(letters) * kLetter) + 12, kMinLabels,
                    kMaxLabels);
}

class Panel {
 public:
  Panel(const Bars& bars, int left, int top) : bars_(bars), left_(left), top_(top) {
    double longest = 1e-9;
    for (const BenchBar* bar : bars) longest = std::max({longest, bar->value, bar->high});
    most_ = longest;
    for (const BenchBar* bar : bars) {
      if (bar->limit && *bar->limit <= kFarLimit * longest) most_ = std::max(most_, *bar->limit);
    }
  }

  int height() const {
    int height = kHeading + kAxis;
    for (std::size_t i = 0; i < bars_.size(); ++i) height += kRow + gap_before(i);
    return height;
  }

  std::string svg() const {
    const int bottom = top_ + height() - kAxis;
    std::string out =
        fmt::format("<text x=\"{}\" y=\"{}\" font-weight=\"600\" fill=\"#333\">{}</text>\n",
                    kMargin, top_ + 14, escape_markup(bars_.front()->panel));
    const double step = tick_step(most_);
    for (int tick = 0; tick * step <= most_ * 1.0001; ++tick) {
      out += fmt::format(
          "<line x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\" stroke=\"{5}\"/>"
          "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\" font-size=\"11\" "
          "fill=\"#888\">{4:g}</text>\n",
          x(tick * step), top_ + kHeading - 2, bottom, bottom + 15, tick * step,
          tick == 0 ? "#999" : "#e4e6ea");
    }
    int y = top_ + kHeading;
    for (std::size_t i = 0; i < bars_.size(); ++i) {
      y += gap_before(i);
      out += row(*bars_[i], y);
      y += kRow;
    }
    return out;
  }

 private:
  double x(double value) const { return left_ + std::clamp(value, 0.0, most_) / most_ * kPlot; }

  int gap_before(std::size_t bar) const { return bar == 0 || bars_[bar]->other ? 0 : kGap; }

  std::string row(const BenchBar& bar, int top) const {
    const int middle = top + kBar / 2;
    std::string out =
        fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{}\">{}</text>", left_ - 10,
                    middle + 5, bar.other ? "#777" : "#222", escape_markup(bar.label));
    const auto box = [&](double value, const char* color) {
      out += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\" fill=\"{}\"/>", left_,
          top, x(value) - left_, kBar, color);
    };
    double end = std::max(bar.value, bar.high);
    const bool limit_shown = bar.limit && *bar.limit <= most_;
    if (limit_shown) {
      box(*bar.limit, "#dbe6f6");
      end = std::max(end, *bar.limit);
    }
    box(bar.value, bar.other ? "#b4bac3" : "#3b7dd8");
    if (bar.high > bar.low) {
      out += fmt::format(
          "<path d=\"M{0:.1f} {2}h{1:.1f}m0 -4v8M{0:.1f} {3}v8\" fill=\"none\" stroke=\"#1d3557\" "
          "stroke-width=\"1.5\"/>",
          x(bar.low), x(bar.high) - x(bar.low), middle, middle - 4);
    }
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" fill=\"#222\">{}", x(end) + 8, middle + 5,
                       figure(bar.value));
    if (bar.limit && *bar.limit > 0.0) {
      out += fmt::format("<tspan dx=\"8\" font-size=\"11\" fill=\"#888\">{:.0f} % of {}</tspan>",
                         100.0 * bar.value / *bar.limit, escape_markup(bar.limit_kind));
    }
    return out + "</text>\n";
  }

  const Bars& bars_;
  int left_, top_;
  double most_ = 0.0;  // the value at the end of the scale
};

}  // namespace

std::string plot_svg(std::string_view title, std::string_view subtitle,
                     std::span<const BenchBar> bars) {
  const int left = kMargin + label_width(bars);
  const int width = left + kPlot + kFigures;
  const std::vector<Bars> panels = panels_of(bars);
  int y = kTop;
  std::string content;
  for (const Bars& bars_of_panel : panels) {
    const Panel panel(bars_of_panel, left, y);
    content += panel.svg();
    y += panel.height();
  }
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
             "{0} {1}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n"
             "<title>{2}</title>\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
             "<text x=\"{4}\" y=\"28\" font-size=\"17\" font-weight=\"600\" "
             "fill=\"#222\">{2}</text>\n"
             "<text x=\"{4}\" y=\"48\" font-size=\"12\" fill=\"#777\">{3}</text>\n",
             width, y, escape_markup(title), escape_markup(subtitle), kMargin) +
         content + "</svg>\n";
}

}  // namespace lathe
