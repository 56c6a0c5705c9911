// The walk behind move_svg: which motion arrives where, and what carries it.
//
// A motion M starts at the children of the outermost svg and goes down. An element's transform
// list takes what it can (svg_transform.h), the element's own coordinates or its children take
// the rest. Definitions in user space (gradients, clip paths ...) must move by what is left in
// the space of those that refer to them; when two of those differ, the definition stays, and the
// elements take the whole motion in their transform lists ("forced"), which is always exact.
// Since that changes what others need, plan() is repeated until nothing changes.
//
// Not thread-safe; one object per drawing. `svg` must outlive it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sgp/svg/css.h"
#include "sgp/svg/geometry.h"
#include "sgp/svg/markup.h"
#include "sgp/svg/references.h"
#include "sgp/svg/shapes.h"

namespace lathe::svg {

struct Canvas {
  double x = 0, y = 0, width = 0, height = 0;  // sizes 0: not known
};
Canvas canvas_of(const Markup& markup, const Element& root);

class Mover {
 public:
  Mover(std::string_view svg, const Motion& motion);

  // The moved text. Throws kUnsupported where nothing would be exact.
  std::string run();
  const std::set<std::string>& notes() const { return notes_; }

 private:
  enum class Role { kOther, kRoot, kGroup, kShape, kText, kSpan, kPlaced, kNestedSvg, kDefinition };

  struct State {
    Role role = Role::kOther;
    Motion arriving;          // in the space of the parent
    Motion inner;             // in the element's own space, below its transform list
    double scale = 1.0;       // of the element's own space against the canvas
    int paint[2] = {-1, -1};  // what fill and stroke refer to here; inherited
    bool markers = false, dashes = false;
    Declarations style;
    std::optional<Point> turned_at;  // text, image, use: the point about which it is turned
    bool forced = false;             // all of the motion into the transform list
    bool wrapped = false;            // all of the motion into a new group around the element
  };

  State& state(int i) { return states_[static_cast<std::size_t>(i)]; }
  void gather_sheets();
  bool plan();  // true when something changed that makes another round necessary
  void plan_element(int i);
  void plan_placed(int i);
  Role role_of(int i) const;
  void inherit(int i);
  Motion arriving_at(int i);
  void check_references(int i);
  void check_paint(int i);
  void check_animation(int i);
  void want(int i, int definition, const Motion& motion);
  void force(int i, std::string_view why);
  void wrap(int i, std::string_view why);
  std::string property(int i, std::string_view name) const;
  int reference(int i, std::string_view property) const;
  double step_at(double scale) const { return step_ / scale; }
  ShapeSetting setting_of(int i);
  bool text_can_shift(int i);

  void write(int i);
  void write_transform(int i, AttributeEdits& out);
  void write_placed(int i, AttributeEdits& out);
  void write_gradient(int i, AttributeEdits& out);
  void shift_lists(int i, Point shift, AttributeEdits& out);
  Motion placed_rest(int i);

  Markup markup_;
  Motion motion_;
  Canvas canvas_;
  double step_ = 0.01;
  SheetEffects sheets_;
  std::vector<State> states_;
  std::vector<std::optional<Motion>> needs_, last_needs_;  // of definitions
  std::vector<char> pinned_;
  bool changed_ = false;
  std::vector<Edit> edits_;
  std::set<std::string> notes_;
};

}  // namespace lathe::svg
