#include "sgp/svg/shapes.h"

#include <algorithm>
#include <fmt/format.h>

#include "sgp/svg/path.h"

namespace lathe::svg {
namespace {

class Shape {
 public:
  Shape(const Markup& markup, const Element& element, const Motion& motion,
        const ShapeSetting& setting)
      : markup_(markup),
        element_(element),
        motion_(motion),
        setting_(setting),
        digits_(digits_for_step(setting.step)),
        out_(markup, element) {}

  bool run(std::vector<Edit>& edits) {
    if (!moved()) return false;
    out_.add_to(edits);
    return true;
  }

 private:
  bool moved() {
    const std::string_view name = element_.name;
    if (name == "path") return text("d", move_path);
    if (name == "polygon" || name == "polyline") return text("points", move_points);
    if (name == "line") return line();
    if (name == "circle" && !(motion_.turns() && setting_.dashed)) return circle();
    if (!motion_.turns()) {
      const bool round = name == "ellipse" || name == "circle";
      return shift_position(markup_, element_, round ? "cx" : "x", round ? "cy" : "y",
                            motion_.shift(), setting_, out_);
    }
    if (!setting_.may_rename) return false;
    return name == "rect" ? turned_rect() : turned_ellipse();
  }

  template <typename Move>
  bool text(std::string_view name, Move&& move) {
    const Attribute* a = markup_.find(element_, name);
    if (a != nullptr) out_.set(name, move(markup_.value(*a), motion_, digits_));
    return true;
  }

  std::optional<double> x(std::string_view name, double otherwise = 0.0) const {
    return length_of(markup_, element_, name, setting_.width, otherwise);
  }
  std::optional<double> y(std::string_view name, double otherwise = 0.0) const {
    return length_of(markup_, element_, name, setting_.height, otherwise);
  }

  std::string number(double value) const { return short_number(value, digits_); }
  static std::string exact(Point p) {
    return fmt::format("{},{}", short_number(p.x, 9), short_number(p.y, 9));
  }
  std::string pair(Point p) const {
    const Point moved = motion_(p);
    return fmt::format("{},{}", number(moved.x), number(moved.y));
  }

  bool line() {
    if (!motion_.turns()) {
      return shift_position(markup_, element_, "x1", "y1", motion_.shift(), setting_, out_) &&
             shift_position(markup_, element_, "x2", "y2", motion_.shift(), setting_, out_);
    }
    return turned_point("x1", "y1") && turned_point("x2", "y2");
  }

  bool circle() {
    if (motion_.turns()) return turned_point("cx", "cy");
    return shift_position(markup_, element_, "cx", "cy", motion_.shift(), setting_, out_);
  }

  bool turned_point(std::string_view x_name, std::string_view y_name) {
    const auto px = x(x_name), py = y(y_name);
    if (!px || !py) return false;
    const Point p = motion_({*px, *py});
    out_.set(x_name, number(p.x));
    out_.set(y_name, number(p.y));
    return true;
  }

  void become(std::string_view name, std::string_view attribute, const std::string& value,
              std::initializer_list<std::string_view> old) {
    out_.rename(name);
    out_.remove(attribute);  // one that meant nothing to the old shape
    bool placed = false;
    for (const Attribute& a : element_.attributes) {
      if (std::find(old.begin(), old.end(), a.name) == old.end()) continue;
      // In the place of the first of them, so that the tag reads as it did.
      out_.replace(a, placed ? "" : fmt::format(" {}=\"{}\"", attribute, value));
      placed = true;
    }
  }

  bool turned_rect() {
    const auto left = x("x"), top = y("y"), w = x("width"), h = y("height");
    const auto rx_given = x("rx", -1.0), ry_given = y("ry", -1.0);
    if (!left || !top || !w || !h || !rx_given || !ry_given) return false;
    if (*w <= 0.0 || *h <= 0.0) return true;  // not drawn
    double rx = *rx_given, ry = *ry_given;
    if (rx < 0.0) rx = ry;
    if (ry < 0.0) ry = rx;
    rx = std::min(rx, *w / 2);
    ry = std::min(ry, *h / 2);
    const double l = *left, t = *top, r = l + *w, b = t + *h;
    if (rx <= 0.0 || ry <= 0.0) {
      become("polygon", "points",
             fmt::format("{} {} {} {}", pair({l, t}), pair({r, t}), pair({r, b}), pair({l, b})),
             {"x", "y", "width", "height", "rx", "ry"});
      return true;
    }
    const std::string arc = fmt::format("A{} {} {} 0 1 ", number(rx), number(ry), angle());
    const std::string d = fmt::format("M{} L{} {}{} L{} {}{} L{} {}{} L{} {}{}Z", pair({l + rx, t}),
                                      pair({r - rx, t}), arc, pair({r, t + ry}), pair({r, b - ry}),
                                      arc, pair({r - rx, b}), pair({l + rx, b}), arc,
                                      pair({l, b - ry}), pair({l, t + ry}), arc, pair({l + rx, t}));
    become("path", "d", d, {"x", "y", "width", "height", "rx", "ry"});
    return true;
  }

  bool turned_ellipse() {
    const bool is_circle = element_.name == "circle";
    const double diagonal =
        std::sqrt((setting_.width * setting_.width + setting_.height * setting_.height) / 2.0);
    const auto cx = x("cx"), cy = y("cy");
    auto rx = is_circle ? length_of(markup_, element_, "r", diagonal, 0.0) : x("rx", -1.0);
    auto ry = is_circle ? rx : y("ry", -1.0);
    if (!cx || !cy || !rx || !ry) return false;
    if (*rx < 0.0) rx = ry;
    if (*ry < 0.0) ry = rx;
    if (*rx <= 0.0 || *ry <= 0.0) return true;  // not drawn
    const std::string arc =
        fmt::format("A{} {} 0 0 1 ", short_number(*rx, 9), short_number(*ry, 9));
    const std::string right = exact({*cx + *rx, *cy}), left = exact({*cx - *rx, *cy});
    become("path", "d",
           move_path(fmt::format("M{}{}{}{}{}Z", right, arc, left, arc, right), motion_, digits_),
           {"cx", "cy", "rx", "ry", "r"});
    return true;
  }

  std::string angle() const {
    return short_number(motion_.degrees(), decimals_of(motion_.degrees()));
  }

  const Markup& markup_;
  const Element& element_;
  const Motion& motion_;
  const ShapeSetting& setting_;
  int digits_;
  AttributeEdits out_;
};

}  // namespace

void AttributeEdits::set(std::string_view name, const std::string& value) {
  if (const Attribute* a = markup_.find(element_, name)) {
    edits_.push_back(
        {a->value, a->value_end,
         a->quoted ? value : fmt::format("{}\"{}\"", a->value == a->end ? "=" : "", value)});
  } else {
    added_ += fmt::format(" {}=\"{}\"", name, value);
  }
}

void AttributeEdits::remove(std::string_view name) {
  if (const Attribute* a = markup_.find(element_, name)) edits_.push_back({a->begin, a->end, ""});
}

void AttributeEdits::replace(const Attribute& a, const std::string& text) {
  edits_.push_back({a.begin, a.end, text});
}

void AttributeEdits::rename(std::string_view name) {
  edits_.push_back({element_.name_begin, element_.name_end, std::string(name)});
  if (element_.close_name_end > element_.close_name) {
    edits_.push_back({element_.close_name, element_.close_name_end, std::string(name)});
  }
}

void AttributeEdits::add_to(std::vector<Edit>& edits) const {
  edits.insert(edits.end(), edits_.begin(), edits_.end());
  if (added_.empty()) return;
  const std::size_t at =
      element_.attributes.empty() ? element_.name_end : element_.attributes.back().end;
  edits.push_back({at, at, added_});
}

bool is_shape(std::string_view name) {
  return name == "path" || name == "rect" || name == "circle" || name == "ellipse" ||
         name == "line" || name == "polygon" || name == "polyline";
}

std::optional<double> length_of(const Markup& markup, const Element& element, std::string_view name,
                                double hundred_percent, double otherwise) {
  const Attribute* a = markup.find(element, name);
  if (a == nullptr) return otherwise;
  const std::string text = markup.value(*a);
  if (trimmed(text) == "auto") return otherwise;
  const auto length = read_length(text, hundred_percent / 100.0);
  if (!length) return std::nullopt;
  return length->value();
}

bool shift_position(const Markup& markup, const Element& element, std::string_view x,
                    std::string_view y, Point shift, const ShapeSetting& setting,
                    AttributeEdits& edits) {
  const auto moved = [&](std::string_view name, double by, double size,
                         std::optional<std::string>& out) {
    if (by == 0.0) return true;
    const Attribute* a = markup.find(element, name);
    const std::string text = a == nullptr ? "0" : markup.value(*a);
    const auto length = read_length(text, size / 100.0);
    if (!length) return false;
    const double scaled = by / length->unit;
    const int digits = digits_for_step(setting.step / length->unit);
    out = short_number(length->number.value + scaled,
                       std::max(length->number.decimals, std::min(decimals_of(scaled), digits)));
    *out += length->suffix;
    return true;
  };
  std::optional<std::string> new_x, new_y;
  if (!moved(x, shift.x, setting.width, new_x) || !moved(y, shift.y, setting.height, new_y)) {
    return false;
  }
  if (new_x) edits.set(x, *new_x);
  if (new_y) edits.set(y, *new_y);
  return true;
}

bool move_shape(const Markup& markup, const Element& element, const Motion& motion,
                const ShapeSetting& setting, std::vector<Edit>& edits) {
  return Shape(markup, element, motion, setting).run(edits);
}

}  // namespace lathe::svg
