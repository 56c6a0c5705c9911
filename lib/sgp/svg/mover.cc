// What arrives where: the planning half. The writing half is svg_mover_write.cc.
#include "sgp/svg/mover.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "sgp/svg/spelling.h"
#include "sgp/svg/transform.h"

namespace lathe::svg {
namespace {

constexpr int kMaxRounds = 24;
constexpr double kFineness = 4000.0;  // steps across the canvas that may be rounded away
constexpr double kUnknownCanvas = 100.0;

template <std::size_t N>
bool among(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 3> kGroups = {"g", "a", "switch"};
constexpr std::array<std::string_view, 5> kSpans = {"tspan", "a", "textPath", "tref", "altGlyph"};
constexpr std::array<std::string_view, 3> kPlaced = {"use", "image", "foreignObject"};
constexpr std::array<std::string_view, 5> kAnimations = {"animate", "set", "animateTransform",
                                                         "animateMotion", "animateColor"};

}  // namespace

Canvas canvas_of(const Markup& markup, const Element& root) {
  Canvas c;
  std::string box = markup.value(root, "viewBox");
  std::string_view rest = box;
  double values[4];
  int n = 0;
  for (; n < 4; ++n) {
    while (!rest.empty() && is_separator(rest.front())) rest.remove_prefix(1);
    const auto number = read_number(rest);
    if (!number) break;
    values[n] = number->value;
    rest.remove_prefix(number->length);
  }
  if (n == 4 && values[2] > 0.0 && values[3] > 0.0) {
    return {values[0], values[1], values[2], values[3]};
  }
  c.width = length_of(markup, root, "width", 0.0, 0.0).value_or(0.0);
  c.height = length_of(markup, root, "height", 0.0, 0.0).value_or(0.0);
  return c;
}

Mover::Mover(std::string_view svg, const Motion& motion) : markup_(svg), motion_(motion) {
  check_spelling(markup_);
  const auto n = static_cast<std::size_t>(markup_.size());
  states_.resize(n);
  needs_.resize(n);
  pinned_.resize(n);
  const auto root = std::find_if(markup_.elements().begin(), markup_.elements().end(),
                                 [](const Element& e) { return e.name == "svg"; });
  if (root == markup_.elements().end()) fail_invalid("no svg element");
  canvas_ = canvas_of(markup_, *root);
  const double size = std::max(canvas_.width, canvas_.height);
  step_ = (size > 0.0 ? size : kUnknownCanvas) / kFineness;
  if (motion.turns()) return;
  // A shift keeps all of its decimals.
  const int decimals = std::max(decimals_of(motion.shift().x), decimals_of(motion.shift().y));
  step_ = std::min(step_, std::pow(10.0, -decimals));
}

std::string Mover::run() {
  gather_sheets();
  for (int i = 0; i < markup_.size(); ++i) state(i).role = role_of(i);
  for (int i = 0; i < markup_.size(); ++i) {
    const Definition d = definition_of(markup_[i]);
    const bool gradient = d == Definition::kLinearGradient || d == Definition::kRadialGradient;
    if (!gradient || !takes_coordinates(markup_, i)) continue;
    int at = i;
    for (int links = 0; at >= 0 && links < 16; ++links, at = referred(markup_, markup_[at])) {
      pinned_[static_cast<std::size_t>(at)] = 1;
    }
  }
  // Twice at least: what an element refers to may stand below it.
  int rounds = 0;
  while (plan() || rounds == 0) {
    if (++rounds > kMaxRounds) {
      fail_unsupported("its clip paths, masks or gradients refer to each other in a circle");
    }
  }
  for (int i = 0; i < markup_.size(); ++i) write(i);
  return apply_edits(markup_.text(), std::move(edits_));
}

void Mover::gather_sheets() {
  for (const Element& e : markup_.elements()) {
    if (e.name == "style") note_sheet(markup_.content(e), sheets_);
  }
  if (!sheets_.rewritten.empty() && motion_.moves()) {
    fail_unsupported("a style sheet selects elements by their {}, which moving rewrites",
                     sheets_.rewritten);
  }
}

Mover::Role Mover::role_of(int i) const {
  const Element& e = markup_[i];
  const int parent = e.parent;
  const Role above = parent < 0 ? Role::kOther : states_[static_cast<std::size_t>(parent)].role;
  if (e.name == "svg") {
    for (int at = parent; at >= 0; at = markup_[at].parent) {
      if (markup_[at].name == "svg") return Role::kNestedSvg;
    }
    return Role::kRoot;
  }
  if (above == Role::kText || above == Role::kSpan) {
    return among(e.name, kSpans) ? Role::kSpan : Role::kOther;
  }
  if (definition_of(e) != Definition::kNone) return Role::kDefinition;
  if (among(e.name, kGroups)) return Role::kGroup;
  if (is_shape(e.name)) return Role::kShape;
  if (e.name == "text") return Role::kText;
  return among(e.name, kPlaced) ? Role::kPlaced : Role::kOther;
}

bool Mover::plan() {
  changed_ = false;
  last_needs_ = needs_;
  std::fill(needs_.begin(), needs_.end(), std::nullopt);
  for (int i = 0; i < markup_.size(); ++i) {
    inherit(i);
    plan_element(i);
  }
  for (std::size_t i = 0; i < needs_.size() && !changed_; ++i) {
    const Motion before = last_needs_[i].value_or(Motion()), now = needs_[i].value_or(Motion());
    changed_ = !nearly_same(before, now);
  }
  return changed_;
}

std::string Mover::property(int i, std::string_view name) const {
  const State& s = states_[static_cast<std::size_t>(i)];
  const std::string styled = find_declaration(s.style, name);
  return styled.empty() ? markup_.value(markup_[i], name) : styled;
}

int Mover::reference(int i, std::string_view name) const {
  const std::string id = local_url(property(i, name));
  return id.empty() ? -1 : markup_.by_id(id);
}

void Mover::inherit(int i) {
  State& s = state(i);
  const int parent = markup_[i].parent;
  if (parent >= 0) {
    const State& p = state(parent);
    s.scale = p.scale;
    s.paint[0] = p.paint[0];
    s.paint[1] = p.paint[1];
    s.markers = p.markers;
    s.dashes = p.dashes;
  }
  s.style = read_declarations(markup_.value(markup_[i], "style"));
  constexpr std::array<std::string_view, 2> kPaint = {"fill", "stroke"};
  for (std::size_t k = 0; k < 2; ++k) {
    const std::string value = property(i, kPaint[k]);
    if (!value.empty() && value != "inherit") s.paint[k] = reference(i, kPaint[k]);
  }
  for (const std::string_view name : {"marker", "marker-start", "marker-mid", "marker-end"}) {
    const std::string value = property(i, name);
    s.markers |= !value.empty() && value != "none";
  }
  const std::string dashes = property(i, "stroke-dasharray");
  if (!dashes.empty() && dashes != "inherit") s.dashes = dashes != "none";
  s.markers |= sheets_.markers;
  s.dashes |= sheets_.dashes;
}

Motion Mover::arriving_at(int i) {
  const State& s = state(i);
  if (s.role == Role::kRoot || s.role == Role::kOther) return {};
  if (s.role == Role::kDefinition) {
    const auto at = static_cast<std::size_t>(i);
    return pinned_[at] != 0 ? Motion() : last_needs_[at].value_or(Motion());
  }
  const int parent = markup_[i].parent;
  if (parent < 0) return {};
  const State& p = state(parent);
  switch (p.role) {
    case Role::kRoot:
      return motion_;
    case Role::kGroup:
    case Role::kText:
    case Role::kSpan:
      return p.inner;
    case Role::kDefinition: {
      const Definition d = definition_of(markup_[parent]);
      return d == Definition::kClip || d == Definition::kMask ? p.inner : Motion();
    }
    default:
      return {};
  }
}

ShapeSetting Mover::setting_of(int i) {
  const State& s = state(i);
  ShapeSetting out;
  out.step = step_at(s.scale);
  out.width = canvas_.width;
  out.height = canvas_.height;
  out.dashed = s.dashes;
  const bool rect = markup_[i].name == "rect";
  out.may_rename = !sheets_.fragile && !(rect ? sheets_.names_rect : sheets_.names_circle);
  return out;
}

void Mover::force(int i, std::string_view why) {
  while (state(i).role == Role::kSpan) i = markup_[i].parent;
  State& s = state(i);
  if (s.forced || s.wrapped) return;
  s.forced = true;
  s.inner = Motion();
  changed_ = true;
  notes_.insert(fmt::format("{}: moved by its transform ({})", markup_[i].name, why));
}

void Mover::wrap(int i, std::string_view why) {
  State& s = state(i);
  if (s.wrapped) return;
  const int parent = markup_[i].parent;
  const bool in_clip = parent >= 0 && definition_of(markup_[parent]) == Definition::kClip;
  if (s.role == Role::kSpan || s.role == Role::kDefinition || in_clip) {
    fail_unsupported("{}: {}", markup_[i].name, why);
  }
  if (sheets_.positions) {
    fail_unsupported(
        "{}: {}, and a group around it would escape a style sheet's child or sibling selectors",
        markup_[i].name, why);
  }
  s.wrapped = true;
  s.inner = Motion();
  changed_ = true;
  notes_.insert(fmt::format("{}: moved by a group around it ({})", markup_[i].name, why));
}

void Mover::want(int i, int definition, const Motion& motion) {
  const auto at = static_cast<std::size_t>(definition);
  const std::string_view why = "it refers to a definition that others use elsewhere";
  if (pinned_[at] != 0) {
    if (motion.moves()) force(i, why);
    return;
  }
  state(definition).scale = std::max(state(definition).scale, state(i).scale);
  if (!needs_[at]) {
    needs_[at] = motion;
  } else if (!nearly_same(*needs_[at], motion)) {
    pinned_[at] = 1;
    changed_ = true;
  }
}

void Mover::plan_element(int i) {
  State& s = state(i);
  const Element& e = markup_[i];
  s.arriving = arriving_at(i);
  s.inner = s.arriving;
  s.turned_at.reset();
  if (among(e.name, kAnimations)) check_animation(i);
  if (s.role == Role::kOther) return;
  if (s.role == Role::kRoot) {
    check_references(i);
    return;
  }
  const Definition definition = definition_of(e);
  const bool is_paint = s.role == Role::kDefinition && definition != Definition::kClip &&
                        definition != Definition::kMask;
  if (is_paint) return;  // write_gradient sees to it

  const std::string list = markup_.value(e, "transform");
  const auto functions = read_transform(list).value_or(std::vector<TransformFunction>());
  const double outside = s.scale;
  s.scale = std::max(s.scale * std::sqrt(std::abs(matrix_of(functions).determinant())), 1e-9);
  if (s.arriving.moves() && s.role != Role::kSpan) {
    const bool top = e.parent >= 0 && state(e.parent).role == Role::kRoot;
    for (const auto& [name, value] : s.style) {
      if (is_transform_property(name)) wrap(i, "its style has a transform");
      if (is_geometry_property(name)) force(i, "its style has geometry");
    }
    if (top && sheets_.transforms) wrap(i, "a style sheet has transforms");
    if (top &&
        (sheets_.geometry || sheets_.references || (sheets_.directional && motion_.turns()))) {
      force(i, "a style sheet has geometry or references");
    }
  }
  if (s.wrapped || s.forced) {
    s.inner = Motion();
  } else {
    s.inner = take_motion(list, functions, s.arriving, step_at(outside)).rest;
  }

  if (s.inner.moves()) {
    if (s.role == Role::kShape) {
      std::vector<Edit> tried;
      if (s.markers && s.inner.turns()) {
        force(i, "markers do not turn with coordinates");
      } else if (!move_shape(markup_, e, s.inner, setting_of(i), tried)) {
        force(i, "its lengths or its name can't be rewritten");
      }
    } else if (s.role == Role::kText || s.role == Role::kPlaced) {
      plan_placed(i);
    } else if (s.role == Role::kNestedSvg) {
      AttributeEdits tried(markup_, e);
      if (s.inner.turns() || markup_.find(e, "transform") != nullptr ||
          reference(i, "clip-path") >= 0 ||
          !shift_position(markup_, e, "x", "y", s.inner.shift(), setting_of(i), tried)) {
        wrap(i, "a viewport can't be turned");
      }
    }
  }
  check_references(i);
  if (s.role == Role::kShape || s.role == Role::kText || s.role == Role::kSpan ||
      s.role == Role::kPlaced) {
    check_paint(i);
  }
}

bool Mover::text_can_shift(int i) {
  const auto plain = [&](const Element& e) {
    return is_number_list(markup_.value(e, "x")) && is_number_list(markup_.value(e, "y"));
  };
  if (!plain(markup_[i])) return false;
  for (int k = i + 1; k < markup_.size() && markup_[k].begin < markup_[i].end(); ++k) {
    if (markup_[k].name == "textPath" || markup_[k].name == "tref") return false;
    if (state(k).role == Role::kSpan && !plain(markup_[k])) return false;
  }
  return true;
}

// Text, images, use: the position moves, and a turn becomes a rotation about that position.
void Mover::plan_placed(int i) {
  State& s = state(i);
  const Element& e = markup_[i];
  if (s.role == Role::kText && !text_can_shift(i)) {
    force(i, "its position is no plain number");
    return;
  }
  if (e.name == "use") {
    const int target = referred(markup_, e);
    const Motion theirs = target >= 0 ? state(target).arriving : Motion();
    for (const std::string_view name : {"clip-path", "mask", "filter"}) {
      const std::string value = property(i, name);
      if (!value.empty() && value != "none" && !theirs.moves()) {
        force(i, "a clip, mask or filter on use");
        return;
      }
    }
  }
  const auto x = s.role == Role::kText
                     ? read_number(trimmed(markup_.value(e, "x"))).value_or(Number()).value
                     : length_of(markup_, e, "x", canvas_.width, 0.0);
  const auto y = s.role == Role::kText
                     ? read_number(trimmed(markup_.value(e, "y"))).value_or(Number()).value
                     : length_of(markup_, e, "y", canvas_.height, 0.0);
  if (!x || !y) {
    force(i, "its position is no plain number");
    return;
  }
  if (e.name == "use" || !s.inner.turns()) return;  // use: when it is written
  const int digits = digits_for_step(step_at(s.scale));
  const Point target = s.inner({*x, *y});
  s.turned_at = Point{rounded(target.x, digits), rounded(target.y, digits)};
  s.inner = Motion(0.0, *s.turned_at - Point{*x, *y});
  notes_.insert(fmt::format("{}: turned by a transform about its position", e.name));
}

void Mover::check_references(int i) {
  State& s = state(i);
  const auto box = [&](int d, std::string_view name) {
    return markup_.value(markup_[d], name) == "objectBoundingBox";
  };
  const auto shape_function = [&](const std::string& value) {
    return !value.empty() && value != "none" && value != "inherit";
  };
  if (const int d = reference(i, "clip-path");
      d >= 0 && definition_of(markup_[d]) == Definition::kClip) {
    if (!box(d, "clipPathUnits")) {
      want(i, d, s.inner);
    } else if (s.inner.turns()) {
      force(i, "its clip path follows its box");
    }
  } else if (s.inner.moves() && shape_function(property(i, "clip-path"))) {
    force(i, "its clip path is a CSS shape");
  }
  if (const int d = reference(i, "mask");
      d >= 0 && definition_of(markup_[d]) == Definition::kMask) {
    const bool region = markup_.value(markup_[d], "maskUnits") == "userSpaceOnUse";
    if (s.inner.turns() || (region && s.inner.moves())) force(i, "its mask does not turn");
    if (!box(d, "maskContentUnits")) want(i, d, s.inner);
  }
  const std::string filter = property(i, "filter");
  if (s.inner.moves() && shape_function(filter)) {
    const int d = reference(i, "filter");
    if (s.inner.turns() || (d >= 0 && !filter_may_shift(markup_, d))) {
      force(i, "its filter stays with the axes");
    }
  }
}

void Mover::check_paint(int i) {
  State& s = state(i);
  Motion space = s.inner;
  if (markup_[i].name == "use") {  // paint is inherited into the space of what is used
    const int target = referred(markup_, markup_[i]);
    space = target >= 0 ? state(target).arriving : Motion();
  }
  for (const int d : s.paint) {
    if (d < 0) continue;
    const Definition kind = definition_of(markup_[d]);
    if (kind != Definition::kLinearGradient && kind != Definition::kRadialGradient &&
        kind != Definition::kPattern) {
      continue;
    }
    if (in_user_space(markup_, d)) {
      want(i, d, space);
    } else if (space.turns()) {
      force(i, "its paint follows its box");
    } else if (space.moves() && kind == Definition::kPattern &&
               inherited_attribute(markup_, d, "patternContentUnits") != "objectBoundingBox") {
      force(i, "its pattern's tiles follow its box");
    }
  }
}

void Mover::check_animation(int i) {
  const Element& e = markup_[i];
  const int linked = referred(markup_, e);
  const int target = linked >= 0 ? linked : e.parent;
  if (target < 0 || !state(target).arriving.moves()) return;
  const std::string name = markup_.value(e, "attributeName");
  if (e.name == "animateTransform" || e.name == "animateMotion" || name == "transform") {
    wrap(target, "its transform is animated");
  } else if (is_geometry_property(name) || name == "points") {
    if (state(target).inner.moves()) force(target, "its geometry is animated");
  }
}

}  // namespace lathe::svg
