#include "sgp/svg/path.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "sgp/svg/number.h"

namespace lathe::svg {
namespace {

// Numbers per segment; -1 for what is no command.
int arity(char lower) {
  switch (lower) {
    case 'm':
    case 'l':
    case 't':
      return 2;
    case 'h':
    case 'v':
      return 1;
    case 'c':
      return 6;
    case 's':
    case 'q':
      return 4;
    case 'a':
      return 7;
    case 'z':
      return 0;
    default:
      return -1;
  }
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c + 32) : c; }

// Output that keeps two numbers apart where the source needed nothing between them.
class NumberWriter {
 public:
  explicit NumberWriter(std::string_view source) {
    out_.reserve(source.size() + source.size() / 4);
    // ".5" somewhere, perhaps glued as in "1.5.5": the author leaves out the zero.
    const auto digit = [&](std::size_t i) { return source[i] >= '0' && source[i] <= '9'; };
    for (std::size_t i = 0; i + 1 < source.size() && !terse_; ++i) {
      if (source[i] != '.' || !digit(i + 1)) continue;
      std::size_t before = i;
      while (before > 0 && digit(before - 1)) --before;
      terse_ = before == i || (before > 0 && source[before - 1] == '.');
    }
    comma_ = source.find(',') != std::string_view::npos;
  }

  void text(std::string_view verbatim) {
    if (verbatim.empty()) return;
    out_ += verbatim;
    after_number_ = false;
  }
  // A number or flag as it was, glued as it was.
  void kept(std::string_view verbatim) {
    if (after_number_) separate(verbatim);
    out_ += verbatim;
    after_number_ = true;
    has_point_ = verbatim.find_first_of(".eE") != std::string_view::npos;
  }
  void flag(char c) {
    out_ += c;
    after_number_ = false;  // whatever follows a flag may touch it
  }
  void number(double value, int digits) {
    std::string text = short_number(value, digits);
    if (terse_ && text.starts_with("0.")) text.erase(0, 1);
    if (terse_ && text.starts_with("-0.")) text.erase(1, 1);
    kept(text);
  }
  void between() { text(comma_ ? "," : " "); }
  std::size_t size() const { return out_.size(); }
  char& at(std::size_t i) { return out_[i]; }
  std::string take() { return std::move(out_); }

 private:
  void separate(std::string_view next) {
    const char c = next.front();
    if (c == '-' || c == '+') return;
    if (c == '.' && has_point_) return;
    out_ += ' ';
  }

  std::string out_;
  bool terse_ = false, comma_ = false;
  bool after_number_ = false, has_point_ = false;
};

struct Argument {
  std::size_t begin = 0, end = 0;
  Number number;
};

class PathMover {
 public:
  PathMover(std::string_view d, const Motion& motion, int digits)
      : d_(d), motion_(motion), digits_(digits), out_(d) {}

  std::string run() {
    while (command()) {
    }
    out_.text(d_.substr(copied_));
    return out_.take();
  }

 private:
  // One command letter with all its segments; false where the data ends or breaks off.
  bool command() {
    skip(is_space);
    if (at_ >= d_.size()) return false;
    char c = d_[at_];
    const int count = arity(lower(c));
    if (count < 0 || (first_ && lower(c) != 'm')) return false;
    copy_to(at_ + 1);
    const std::size_t letter = out_.size() - 1;
    ++at_;
    if (count == 0) {
      old_ = old_start_;
      new_ = new_start_;
      return true;
    }
    const bool becomes_line = motion_.turns() && (lower(c) == 'h' || lower(c) == 'v');
    for (bool any = false;; any = true) {
      const std::size_t before = at_;
      std::array<Argument, 7> arguments;
      if (!read(c, std::span(arguments).first(static_cast<std::size_t>(count)), any)) {
        // A letter without numbers is an error; numbers that are missing end the path.
        at_ = before;
        skip(is_space);
        return any && at_ < d_.size() && arity(lower(d_[at_])) >= 0;
      }
      if (becomes_line && !any) out_.at(letter) = is_upper(c) ? 'L' : 'l';
      segment(c, std::span(arguments).first(static_cast<std::size_t>(count)));
      if (lower(c) == 'm') {
        old_start_ = old_;
        new_start_ = new_;
        c = is_upper(c) ? 'L' : 'l';  // further pairs are lines
      }
      first_ = false;
    }
  }

  bool read(char c, std::span<Argument> arguments, bool separator) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (separator || i > 0) {
        skip(is_separator);
      } else {
        skip(is_space);
      }
      if (at_ >= d_.size()) return false;
      Argument& a = arguments[i];
      a.begin = at_;
      if (lower(c) == 'a' && (i == 3 || i == 4)) {
        if (d_[at_] != '0' && d_[at_] != '1') return false;
        a.number = {d_[at_] == '1' ? 1.0 : 0.0, 1, 0};
      } else {
        const auto number = read_number(d_.substr(at_));
        if (!number) return false;
        a.number = *number;
      }
      at_ += a.number.length;
      a.end = at_;
    }
    return true;
  }

  void segment(char c, std::span<const Argument> a) {
    const bool relative = !is_upper(c);
    const Point base = old_;
    const auto pair = [&](std::size_t i, double x, double y) {
      Point old{x, y};
      // The first m is absolute whatever its case.
      if (relative) old = old + base;
      coordinates(a[i], a[i + 1], old, relative);
      return old;
    };
    switch (lower(c)) {
      case 'h':
      case 'v': {
        const bool is_x = lower(c) == 'h';
        Point old = base;
        double& moved = is_x ? old.x : old.y;
        moved = a[0].number.value + (relative ? moved : 0.0);
        single(a[0], old, relative, is_x);
        old_ = old;
        break;
      }
      case 'a': {
        const Point end{a[5].number.value, a[6].number.value};
        const double shrink = half_ellipse(a, relative ? end + base : end, relative);
        for (std::size_t i = 0; i < 5; ++i) {
          copy_to(a[i].begin);
          const bool round = a[0].number.value == a[1].number.value;
          if (i < 2 && shrink < 1.0) {
            out_.number(std::abs(a[i].number.value) * shrink, digits_ + 2);
          } else if (i == 2 && motion_.turns() && !round) {
            axis(a[i]);
          } else if (i >= 3) {
            out_.flag(d_[a[i].begin]);
          } else {
            out_.kept(d_.substr(a[i].begin, a[i].end - a[i].begin));
          }
          copied_ = a[i].end;
        }
        old_ = pair(5, end.x, end.y);
        break;
      }
      default:
        for (std::size_t i = 0; i + 1 < a.size(); i += 2) {
          old_ = pair(i, a[i].number.value, a[i + 1].number.value);
        }
    }
    new_ = written_;
  }

  // Half an ellipse has its ends as far apart as its radii reach. When rounding brings them
  // nearer by d, its center leaves their line by some sqrt(r d), which shows. Radii that are a
  // little too small are enlarged by the reader until they fit (SVG 1.1, F.6.6): returns the
  // factor for that, 1 where it isn't needed.
  double half_ellipse(std::span<const Argument> a, Point old_end, bool relative) const {
    const double rx = a[0].number.value, ry = a[1].number.value;
    if (!motion_.turns() || rx == 0.0 || ry == 0.0) return 1.0;
    const auto reach = [&](Point chord, double degrees) {
      const Point along = Motion(-degrees, {}).vector(chord);
      return std::hypot(along.x / rx, along.y / ry) / 2.0;
    };
    constexpr double kNearlyHalf = 1.0 - 1e-4;
    const double axis = a[2].number.value;
    if (reach(old_end - old_, axis) < kNearlyHalf) return 1.0;
    const Point origin = relative ? new_ : Point{};
    const Point wanted = motion_(old_end) - origin;
    const Point end = origin + Point{rounded(wanted.x, digits_), rounded(wanted.y, digits_)};
    constexpr double kLittle = 1e-3;
    return std::min(1.0, reach(end - new_, axis + motion_.degrees())) - kLittle;
  }

  void axis(const Argument& a) {
    double turned = a.number.value + motion_.degrees();
    while (turned > 180.0) turned -= 180.0;
    while (turned <= -180.0) turned += 180.0;
    out_.number(turned, std::max(a.number.decimals, decimals_of(motion_.degrees())));
  }

  // One pair of numbers that stands for the point `old`.
  void coordinates(const Argument& x, const Argument& y, Point old, bool relative) {
    const Point target = motion_(old);
    const bool keep = relative && !motion_.turns() && !first_;
    if (keep) {
      verbatim(x);
      verbatim(y);
      written_ = target;
      return;
    }
    const Point origin = relative && !first_ ? new_ : Point{};
    const double dx = write(x, target.x - origin.x, motion_.shift().x);
    const double dy = write(y, target.y - origin.y, motion_.shift().y);
    written_ = origin + Point{dx, dy};
  }

  void single(const Argument& a, Point old, bool relative, bool is_x) {
    const Point target = motion_(old);
    if (!motion_.turns()) {
      if (relative) {
        verbatim(a);
      } else {
        write(a, is_x ? target.x : target.y, is_x ? motion_.shift().x : motion_.shift().y);
      }
      written_ = target;
      return;
    }
    const Point origin = relative ? new_ : Point{};
    copy_to(a.begin);
    const Point wanted = target - origin;
    out_.number(wanted.x, digits_);
    out_.between();
    out_.number(wanted.y, digits_);
    copied_ = a.end;
    written_ = origin + Point{rounded(wanted.x, digits_), rounded(wanted.y, digits_)};
  }

  // Returns what a reader of the number sees.
  double write(const Argument& a, double value, double shift) {
    copy_to(a.begin);
    const int digits = motion_.turns()
                           ? digits_
                           : std::max(a.number.decimals, std::min(decimals_of(shift), digits_));
    out_.number(value, digits);
    copied_ = a.end;
    return rounded(value, digits);
  }

  void verbatim(const Argument& a) {
    copy_to(a.begin);
    out_.kept(d_.substr(a.begin, a.end - a.begin));
    copied_ = a.end;
  }

  void copy_to(std::size_t end) {
    out_.text(d_.substr(copied_, end - copied_));
    copied_ = end;
  }

  template <typename Is>
  void skip(Is&& is) {
    while (at_ < d_.size() && is(d_[at_])) ++at_;
  }

  std::string_view d_;
  const Motion& motion_;
  int digits_;
  NumberWriter out_;
  std::size_t at_ = 0, copied_ = 0;
  bool first_ = true;
  Point old_, old_start_;            // in the source
  Point new_, new_start_, written_;  // as a reader of the output computes them
};

}  // namespace

std::string move_path(std::string_view d, const Motion& motion, int digits) {
  return PathMover(d, motion, digits).run();
}

std::string move_points(std::string_view points, const Motion& motion, int digits) {
  NumberWriter out(points);
  std::size_t copied = 0, at = 0;
  while (true) {
    std::array<Argument, 2> pair;
    bool complete = true;
    for (Argument& a : pair) {
      while (at < points.size() && is_separator(points[at])) ++at;
      a.begin = at;
      const auto number = read_number(points.substr(at));
      if (!number) {
        complete = false;
        break;
      }
      a.number = *number;
      at += number->length;
      a.end = at;
    }
    if (!complete) break;
    const Point moved = motion({pair[0].number.value, pair[1].number.value});
    for (std::size_t i = 0; i < 2; ++i) {
      const double shift = i == 0 ? motion.shift().x : motion.shift().y;
      const int kept = std::max(pair[i].number.decimals, std::min(decimals_of(shift), digits));
      out.text(points.substr(copied, pair[i].begin - copied));
      out.number(i == 0 ? moved.x : moved.y, motion.turns() ? digits : kept);
      copied = pair[i].end;
    }
  }
  out.text(points.substr(copied));
  return out.take();
}

}  // namespace lathe::svg
