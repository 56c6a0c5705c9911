// From motions to edits: the writing half of Mover.
#include <algorithm>
#include <fmt/format.h>

#include "sgp/svg/mover.h"
#include "sgp/svg/transform.h"

namespace lathe::svg {
namespace {

// Numbers of a list, each shifted; the rest byte for byte.
std::string shifted_list(std::string_view list, double by, int digits) {
  std::string out;
  std::size_t at = 0;
  while (at < list.size()) {
    const auto number = read_number(list.substr(at));
    if (!number) {
      out += list[at++];
      continue;
    }
    out += short_number(number->value + by,
                        std::max(number->decimals, std::min(decimals_of(by), digits)));
    at += number->length;
    // "1-2" is a list of two.
    if (at < list.size() && !is_separator(list[at])) out += ' ';
  }
  return out;
}

std::string turn_about(double degrees, Point at) {
  const std::string angle = short_number(degrees, decimals_of(degrees));
  if (at.x == 0.0 && at.y == 0.0) return fmt::format("rotate({})", angle);
  return fmt::format("rotate({} {} {})", angle, short_number(at.x, 9), short_number(at.y, 9));
}

}  // namespace

void Mover::write(int i) {
  State& s = state(i);
  const Element& e = markup_[i];
  if (!s.arriving.moves()) {
    // A use in a space that stays may refer to a thing that moves.
    if (e.name != "use" || s.role != Role::kPlaced) return;
  }
  if (s.wrapped) {
    const std::string_view tag = markup_.text().substr(e.begin + 1, e.name_end - e.begin - 1);
    const std::string_view prefix = tag.substr(0, tag.size() - e.name.size());
    edits_.push_back({e.begin, e.begin,
                      fmt::format("<{}g transform=\"{}\">", prefix,
                                  motion_function(s.arriving, step_at(s.scale)))});
    edits_.push_back({e.end(), e.end(), fmt::format("</{}g>", prefix)});
    return;
  }
  AttributeEdits out(markup_, e);
  switch (s.role) {
    case Role::kShape:
      write_transform(i, out);
      if (s.inner.moves()) move_shape(markup_, e, s.inner, setting_of(i), edits_);
      break;
    case Role::kText:
      write_transform(i, out);
      shift_lists(i, s.inner.shift(), out);
      break;
    case Role::kSpan:
      shift_lists(i, s.inner.shift(), out);
      break;
    case Role::kPlaced:
      write_placed(i, out);
      break;
    case Role::kNestedSvg:
      write_transform(i, out);
      shift_position(markup_, e, "x", "y", s.inner.shift(), setting_of(i), out);
      break;
    case Role::kDefinition:
      if (definition_of(e) == Definition::kClip) {
        write_transform(i, out);
      } else if (definition_of(e) != Definition::kMask) {
        write_gradient(i, out);
      }
      break;
    case Role::kGroup:
      write_transform(i, out);
      break;
    default:
      return;
  }
  out.add_to(edits_);
}

void Mover::write_transform(int i, AttributeEdits& out) {
  const State& s = state(i);
  const Element& e = markup_[i];
  const std::string old = markup_.value(e, "transform");
  const auto read = read_transform(old);
  const std::string list = read ? old : std::string();  // one that isn't valid counts as none
  const auto functions = read_transform(list).value_or(std::vector<TransformFunction>());
  const double own = std::sqrt(std::abs(matrix_of(functions).determinant()));
  const double step = step_at(s.scale / std::max(own, 1e-9));
  std::string moved = s.forced ? take_all_motion(list, functions, s.arriving, step)
                               : take_motion(list, functions, s.arriving, step).list;
  if (s.turned_at) {
    const std::string turn = turn_about(s.arriving.degrees(), *s.turned_at);
    moved = moved.empty() ? turn : fmt::format("{} {}", moved, turn);
  }
  if (moved != list) out.set("transform", moved);
}

void Mover::shift_lists(int i, Point shift, AttributeEdits& out) {
  const Element& e = markup_[i];
  const int digits = digits_for_step(step_at(state(i).scale));
  const bool is_text = state(i).role == Role::kText;
  const auto one = [&](std::string_view name, double by) {
    if (by == 0.0) return;
    const Attribute* a = markup_.find(e, name);
    const std::string old = a == nullptr ? "" : markup_.value(*a);
    if (!trimmed(old).empty()) {
      out.set(name, shifted_list(old, by, digits));
    } else if (is_text) {
      out.set(name, shifted_list("0", by, digits));
    }
  };
  one("x", shift.x);
  one("y", shift.y);
}

// What is drawn at T(x, y) below the element's list must land where the motion says; a thing
// that is used may have moved itself, by N. M T(x, y) = (a turn about the new place) T(x', y') N.
void Mover::write_placed(int i, AttributeEdits& out) {
  State& s = state(i);
  const Element& e = markup_[i];
  const int target = e.name == "use" ? referred(markup_, e) : -1;
  const Motion theirs = target >= 0 ? state(target).arriving : Motion();
  if (e.name != "use" || (!theirs.moves() && !s.inner.turns())) {
    write_transform(i, out);
    shift_position(markup_, e, "x", "y", s.inner.shift(), setting_of(i), out);
    return;
  }
  const double x = length_of(markup_, e, "x", canvas_.width, 0.0).value_or(0.0);
  const double y = length_of(markup_, e, "y", canvas_.height, 0.0).value_or(0.0);
  const Point at = s.inner(Point{x, y} + theirs.inverse()({}));
  const double turn = s.inner.degrees() - theirs.degrees();
  const int digits = digits_for_step(step_at(s.scale));
  const Point place{rounded(at.x, digits), rounded(at.y, digits)};
  if (std::abs(turn) > 1e-9) {
    // write_transform turns by what arrives; here the thing's own turn is taken off.
    const std::string old = markup_.value(e, "transform");
    const auto functions = read_transform(old).value_or(std::vector<TransformFunction>());
    const double step = step_at(s.scale);
    const std::string list = s.forced ? take_all_motion(old, functions, s.arriving, step)
                                      : take_motion(old, functions, s.arriving, step).list;
    const std::string rotation = turn_about(turn, place);
    out.set("transform", list.empty() ? rotation : fmt::format("{} {}", list, rotation));
    notes_.insert("use: turned by a transform about its position");
  } else {
    write_transform(i, out);
  }
  const Point by{place.x - x, place.y - y};
  const auto plain = [&](std::string_view name, double value, double change) {
    if (std::abs(change) > 1e-12) out.set(name, short_number(value, digits));
  };
  plain("x", place.x, by.x);
  plain("y", place.y, by.y);
}

void Mover::write_gradient(int i, AttributeEdits& out) {
  const State& s = state(i);
  const Element& e = markup_[i];
  const bool pattern = definition_of(e) == Definition::kPattern;
  const bool linear = definition_of(e) == Definition::kLinearGradient;
  const std::string_view attribute = pattern ? "patternTransform" : "gradientTransform";
  const double step = step_at(s.scale);
  // A pattern may take its transform from another one; on its own it then says all of it.
  const std::string old = inherited_attribute(markup_, i, attribute);
  const auto read = read_transform(old);
  const std::string list = read ? old : std::string();
  const auto functions = read_transform(list).value_or(std::vector<TransformFunction>());

  const TakenMotion taken = take_motion(list, functions, s.arriving, step);
  bool in_coordinates = !pattern;
  if (in_coordinates && taken.rest.moves()) {
    struct Pair {
      std::string_view x, y;
      double default_x, default_y;
      bool optional;
    };
    const double w = canvas_.width, h = canvas_.height;
    const Pair pairs[] = {
        {linear ? "x1" : "cx", linear ? "y1" : "cy", linear ? 0.0 : w / 2, linear ? 0.0 : h / 2,
         false},
        {linear ? "x2" : "fx", linear ? "y2" : "fy", linear ? w : 0.0, 0.0, !linear}};
    std::vector<std::pair<std::string_view, std::string>> values;
    for (const Pair& p : pairs) {
      if (p.optional && markup_.find(e, p.x) == nullptr && markup_.find(e, p.y) == nullptr)
        continue;
      const bool known =
          w > 0.0 || (markup_.find(e, p.x) != nullptr && markup_.find(e, p.y) != nullptr);
      // A focus that gives one coordinate has the center's other one.
      const auto center_x = length_of(markup_, e, "cx", w, w / 2);
      const auto center_y = length_of(markup_, e, "cy", h, h / 2);
      const auto x = length_of(markup_, e, p.x, w, p.optional ? center_x.value_or(0) : p.default_x);
      const auto y = length_of(markup_, e, p.y, h, p.optional ? center_y.value_or(0) : p.default_y);
      in_coordinates &= known && x.has_value() && y.has_value();
      if (!in_coordinates) break;
      const Point at = taken.rest({*x, *y});
      const bool turned = taken.rest.turns();
      const auto text = [&](double value, double was, double shift) {
        const int digits = digits_for_step(step);
        return short_number(
            value,
            turned ? digits : std::max(decimals_of(was), std::min(decimals_of(shift), digits)));
      };
      values.emplace_back(p.x, text(at.x, *x, taken.rest.shift().x));
      values.emplace_back(p.y, text(at.y, *y, taken.rest.shift().y));
    }
    if (in_coordinates) {
      for (const auto& [name, value] : values) out.set(name, value);
    }
  }
  const std::string moved =
      in_coordinates ? taken.list : take_all_motion(list, functions, s.arriving, step);
  if (moved != list) out.set(attribute, moved);
}

}  // namespace lathe::svg
