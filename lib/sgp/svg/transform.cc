#include "sgp/svg/transform.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "sgp/svg/number.h"

namespace lathe::svg {
namespace {

double tangent(double degrees) { return std::tan(degrees * std::numbers::pi / 180.0); }

bool valid(const TransformFunction& f) {
  const std::size_t n = f.arguments.size();
  if (f.name == "matrix") return n == 6;
  if (f.name == "translate" || f.name == "scale") return n == 1 || n == 2;
  if (f.name == "rotate") return n == 1 || n == 3;
  return (f.name == "skewX" || f.name == "skewY") && n == 1;
}

double argument(const TransformFunction& f, std::size_t i, double otherwise) {
  return i < f.arguments.size() ? f.arguments[i] : otherwise;
}

int decimals(const TransformFunction& f, std::size_t i) {
  return i < f.decimals.size() ? f.decimals[i] : 0;
}

// Whether the author writes commas in lists.
std::string_view comma_of(std::string_view list) {
  return list.find(',') == std::string_view::npos ? " " : ",";
}

// The scaling of lengths, for how fine numbers inside have to be.
double scale_of(const TransformFunction& f) {
  return std::sqrt(std::abs(f.matrix().determinant()));
}

// A number moved by a shift keeps its digits; one that was turned is rounded to `digits`.
std::string coordinate(double value, bool turned, int had, double shift, int digits) {
  if (turned) return short_number(value, std::max(digits, 0));
  return short_number(value, std::max(had, std::min(decimals_of(shift), digits)));
}

class Taker {
 public:
  Taker(std::string_view list, const Motion& motion, double step)
      : list_(list), comma_(comma_of(list)), motion_(motion), step_(step) {}

  TakenMotion run(const std::vector<TransformFunction>& functions) {
    for (const TransformFunction& f : functions) {
      if (!motion_.moves()) break;
      out_ += list_.substr(copied_, f.begin - copied_);
      out_ += taken(f);
      copied_ = f.end;
      step_ /= std::max(scale_of(f), 1e-12);
    }
    out_ += list_.substr(copied_);
    return {std::move(out_), motion_};
  }

 private:
  int digits() const { return digits_for_step(step_); }

  std::string taken(const TransformFunction& f) {
    if (f.name == "translate") return translate(f);
    if (f.name == "rotate") return rotate(f);
    if (f.name == "matrix") return matrix(f);
    return other(f);
  }

  std::string translate(const TransformFunction& f) {
    const Point old{argument(f, 0, 0.0), argument(f, 1, 0.0)};
    const Point moved = motion_(old);
    const std::string x =
        coordinate(moved.x, motion_.turns(), decimals(f, 0), motion_.shift().x, digits());
    const std::string y =
        coordinate(moved.y, motion_.turns(), decimals(f, 1), motion_.shift().y, digits());
    motion_ = motion_.with_shift({});
    return fmt::format("translate({}{}{})", x, comma_, y);
  }

  std::string rotate(const TransformFunction& f) {
    const bool about_origin = f.arguments.size() == 1;
    const Point shift = motion_.shift();
    if (about_origin && motion_.turns() && shift.x == 0.0 && shift.y == 0.0) {
      const double sum = f.arguments[0] + motion_.degrees();
      const int had = std::max(decimals(f, 0), decimals_of(motion_.degrees()));
      motion_ = Motion();
      return fmt::format("rotate({})", short_number(sum, had));
    }
    // M R(a, c) = R(a, M c) M.
    const Point moved = motion_({argument(f, 1, 0.0), argument(f, 2, 0.0)});
    return fmt::format("rotate({}{}{}{}{})", f.first, comma_,
                       coordinate(moved.x, motion_.turns(), decimals(f, 1), shift.x, digits()),
                       comma_,
                       coordinate(moved.y, motion_.turns(), decimals(f, 2), shift.y, digits()));
  }

  std::string matrix(const TransformFunction& f) {
    const Matrix m = svg::matrix_of(motion_) * f.matrix();
    std::string out = "matrix(";
    const double values[] = {m.a, m.b, m.c, m.d, m.e, m.f};
    for (std::size_t i = 0; i < 6; ++i) {
      if (i > 0) out += comma_;
      if (i < 4) {
        // Factors act on numbers of unknown size: six digits, or the text as it was.
        out +=
            short_number(values[i], motion_.turns() ? std::max(6, decimals(f, i)) : decimals(f, i));
      } else {
        const double shift = i == 4 ? motion_.shift().x : motion_.shift().y;
        out += coordinate(values[i], motion_.turns(), decimals(f, i), shift, digits());
      }
    }
    motion_ = Motion();
    return out + ")";
  }

  // scale and skew: a shift passes through any that can be undone, a turn through even scales.
  std::string other(const TransformFunction& f) {
    const Matrix m = f.matrix();
    const bool even = f.name == "scale" && m.a == m.d && m.a != 0.0;
    if (motion_.turns() && !even) {
      const std::string inserted = motion_function(motion_, step_);
      motion_ = Motion();
      return fmt::format("{} {}", inserted, f.text);
    }
    const double d = m.determinant();
    if (d == 0.0) {  // nothing of it is to be seen
      motion_ = Motion();
      return std::string(f.text);
    }
    const Point s = motion_.shift();
    motion_ = motion_.with_shift({(m.d * s.x - m.c * s.y) / d, (m.a * s.y - m.b * s.x) / d});
    return std::string(f.text);
  }

  std::string_view list_;
  std::string_view comma_;
  Motion motion_;
  double step_;
  std::string out_;
  std::size_t copied_ = 0;
};

}  // namespace

Matrix TransformFunction::matrix() const {
  const double x = argument(*this, 0, 0.0);
  if (name == "matrix") {
    return {arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]};
  }
  if (name == "translate") return {1, 0, 0, 1, x, argument(*this, 1, 0.0)};
  if (name == "scale") return {x, 0, 0, argument(*this, 1, x), 0, 0};
  if (name == "skewX") return {1, 0, tangent(x), 1, 0, 0};
  if (name == "skewY") return {1, tangent(x), 0, 1, 0, 0};
  return svg::matrix_of(Motion::about(x, {argument(*this, 1, 0.0), argument(*this, 2, 0.0)}, {}));
}

Matrix matrix_of(const std::vector<TransformFunction>& list) {
  Matrix m;
  for (const TransformFunction& f : list) m = m * f.matrix();
  return m;
}

std::optional<std::vector<TransformFunction>> read_transform(std::string_view list) {
  std::vector<TransformFunction> out;
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < list.size() && is_separator(list[at])) ++at;
  };
  for (skip(); at < list.size(); skip()) {
    TransformFunction f;
    f.begin = at;
    const std::size_t open = list.find('(', at);
    if (open == std::string_view::npos) return std::nullopt;
    const std::size_t close = list.find(')', open);
    if (close == std::string_view::npos) return std::nullopt;
    f.name = trimmed(list.substr(at, open - at));
    for (at = open + 1, skip(); at < close; skip()) {
      const auto number = read_number(list.substr(at, close - at));
      if (!number) return std::nullopt;
      if (f.arguments.empty()) f.first = list.substr(at, number->length);
      f.arguments.push_back(number->value);
      f.decimals.push_back(number->decimals);
      at += number->length;
    }
    at = close + 1;
    f.end = at;
    f.text = list.substr(f.begin, f.end - f.begin);
    if (!valid(f)) return std::nullopt;
    out.push_back(std::move(f));
  }
  return out;
}

TakenMotion take_motion(std::string_view list, const std::vector<TransformFunction>& functions,
                        const Motion& motion, double step) {
  return Taker(list, motion, step).run(functions);
}

std::string take_all_motion(std::string_view list, const std::vector<TransformFunction>& functions,
                            const Motion& motion, double step) {
  if (!motion.moves()) return std::string(list);
  TakenMotion taken = take_motion(list, functions, motion, step);
  if (!taken.rest.moves()) return std::move(taken.list);
  const std::string inserted = motion_function(motion, step);
  return functions.empty() ? inserted : fmt::format("{} {}", inserted, trimmed(list));
}

std::string motion_function(const Motion& motion, double step) {
  const int digits = digits_for_step(step);
  if (!motion.turns()) {
    return fmt::format("translate({} {})", short_number(motion.shift().x, digits),
                       short_number(motion.shift().y, digits));
  }
  const std::string angle = short_number(motion.degrees(), decimals_of(motion.degrees()));
  const Point s = motion.shift();
  if (s.x == 0.0 && s.y == 0.0) return fmt::format("rotate({})", angle);
  const Point c = motion.center();
  // An error of the center shows through I - R only, which is small for small angles.
  return fmt::format("rotate({} {} {})", angle, short_number(c.x, digits),
                     short_number(c.y, digits));
}

}  // namespace lathe::svg
