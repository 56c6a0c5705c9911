// Latency against rate: a panel for each time, in milliseconds on a logarithmic scale.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "lathe/bench/load.h"

namespace lathe {
namespace {

// Pixels.
constexpr double kLeft = 70, kWidth = 560, kRight = 60, kTop = 44;
constexpr double kHeading = 24, kHeight = 150, kAxis = 40;
constexpr double kName = 11;  // from one curve's name to the next one's, at least
constexpr double kPanel = kHeading + kHeight + kAxis;
// Further from each other than this, ticks of a decade stand alone.
constexpr double kManyDecades = 3.0;

struct Curve {
  const char* name;
  const char* color;
  std::vector<double> values;  // of each report
};

// A panel's scale of values: between round ones around all of them.
class Scale {
 public:
  Scale(double least, double most)
      : low_(std::floor(std::log10(least))), high_(std::ceil(std::log10(most))) {
    high_ = std::max(high_, low_ + 1.0);
  }
  // From 0, at its lower end, to 1.
  double place(double value) const { return (std::log10(value) - low_) / (high_ - low_); }
  std::vector<double> ticks() const {
    std::vector<double> out;
    for (double decade = low_; decade <= high_; decade += 1.0) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor > 1.0 && (decade == high_ || high_ - low_ >= kManyDecades)) continue;
        out.push_back(factor * std::pow(10.0, decade));
      }
    }
    return out;
  }

 private:
  double low_, high_;
};

class Panel {
 public:
  // `limit` is drawn across; 0: none.
  Panel(std::span<const LoadReport> reports, double top, double limit)
      : reports_(reports),
        top_(top),
        limit_(limit),
        most_rate_(std::max(1e-9, reports.back().rate)) {}

  std::string svg(const char* heading, std::span<const Curve> curves) const {
    std::string out =
        fmt::format("<text x=\"{}\" y=\"{:.0f}\" font-weight=\"600\" fill=\"#333\">{}</text>\n",
                    kLeft, top_ + 14, heading);
    double least = limit_ > 0.0 ? limit_ : 1e9, most = limit_;
    for (const Curve& curve : curves) {
      for (const double value : curve.values) {
        if (value > 0.0) least = std::min(least, value);
        most = std::max(most, value);
      }
    }
    if (most <= 0.0) return out;  // no answer has such a time
    const Scale scale(least, most);
    for (const double tick : scale.ticks()) out += level(y(scale, tick), tick);
    for (const LoadReport& report : reports_) out += rate_tick(report.rate);
    if (limit_ > 0.0) {
      out += fmt::format(
          "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#2a2\" "
          "stroke-dasharray=\"5 4\"/>\n",
          kLeft, kLeft + kWidth, y(scale, limit_), y(scale, limit_));
    }
    double name_above = 0.0;
    for (auto curve = curves.rbegin(); curve != curves.rend(); ++curve) {
      out += line(scale, *curve, name_above);
    }
    return out;
  }

 private:
  double bottom() const { return top_ + kHeading + kHeight; }
  double x(double rate) const { return kLeft + rate / most_rate_ * kWidth; }
  double y(const Scale& scale, double value) const {
    return bottom() - scale.place(value) * kHeight;
  }

  static std::string level(double at, double value) {
    return fmt::format(
        "<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e4e6ea\"/><text x=\"{}\" "
        "y=\"{:.1f}\" text-anchor=\"end\" font-size=\"11\" fill=\"#888\">{:g}</text>\n",
        kLeft, kLeft + kWidth, at, at, kLeft - 6, at + 4, value);
  }
  std::string rate_tick(double rate) const {
    return fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" font-size=\"11\" "
        "fill=\"#888\">{:.3g}</text>\n",
        x(rate), bottom() + 15, rate);
  }
  // No point where no answer has such a time. Higher percentiles come first, and the names of those
  // below keep off theirs.
  std::string line(const Scale& scale, const Curve& curve, double& name_above) const {
    std::string points, dots;
    double last = 0.0;
    for (std::size_t i = 0; i < reports_.size(); ++i) {
      if (curve.values[i] <= 0.0) continue;
      const double left = x(reports_[i].rate);
      last = y(scale, curve.values[i]);
      points += fmt::format("{:.1f},{:.1f} ", left, last);
      dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>", left, last,
                          curve.color);
    }
    if (points.empty()) return "";
    name_above = std::max(last + 4, name_above + kName);
    return fmt::format(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>{}<text "
        "x=\"{}\" y=\"{:.1f}\" font-size=\"11\" fill=\"{}\">{}</text>\n",
        points, curve.color, dots, kLeft + kWidth + 8, name_above, curve.color, curve.name);
  }

  std::span<const LoadReport> reports_;
  double top_, limit_, most_rate_;
};

std::array<Curve, 3> curves_of(std::span<const LoadReport> reports,
                               Percentiles LoadReport::*times) {
  std::array<Curve, 3> out = {
      {{"p50", "#3b7dd8", {}}, {"p90", "#d98b2b", {}}, {"p99", "#c0392b", {}}}};
  for (const LoadReport& report : reports) {
    const Percentiles& p = report.*times;
    out[0].values.push_back(1000 * p.p50);
    out[1].values.push_back(1000 * p.p90);
    out[2].values.push_back(1000 * p.p99);
  }
  return out;
}

}  // namespace

std::string load_svg(std::span<const LoadReport> reports, const LoadObjective& objective) {
  std::vector<LoadReport> sorted(reports.begin(), reports.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const LoadReport& a, const LoadReport& b) { return a.rate < b.rate; });
  struct Time {
    const char* heading;
    Percentiles LoadReport::*times;
    double limit;
  };
  const Time times[] = {
      {"Time to first token, ms", &LoadReport::first_token, objective.first_token},
      {"Time per output token, ms", &LoadReport::per_token, objective.per_token},
      {"Time between pieces of an answer, ms", &LoadReport::between, 0.0}};
  std::string content;
  double top = kTop;
  for (const Time& time : times) {
    const Panel panel(sorted, top, 1000 * time.limit);
    content += panel.svg(time.heading, curves_of(sorted, time.times));
    top += kPanel;
  }
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 "
             "{0} {1}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n"
             "<title>Latency against rate</title>\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n"
             "<text x=\"{2}\" y=\"24\" font-size=\"17\" font-weight=\"600\" fill=\"#222\">Latency "
             "against requests per second</text>\n",
             kLeft + kWidth + kRight, top, kLeft) +
         content + "</svg>\n";
}

}  // namespace lathe
