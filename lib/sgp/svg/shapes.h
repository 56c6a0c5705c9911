// Moving one basic shape: which attributes change, and into what the shape turns.
//
// A mere shift keeps the shape. Turned, a rect becomes a polygon (a rounded one a path), an
// ellipse a path of two arcs; both begin where the shape's outline begins (SVG 2, 10), so that
// dashes fall where they fell. Units and percentages are kept by a shift. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sgp/svg/geometry.h"
#include "sgp/svg/markup.h"
#include "sgp/svg/number.h"

namespace lathe::svg {

struct ShapeSetting {
  double step = 0.01;            // what may be rounded away, in the shape's own units
  double width = 0, height = 0;  // of the viewport, for percentages; 0: not known
  bool dashed = false;           // then a circle's beginning shows
  bool may_rename = true;
};

// Edits of one element's attributes, gathered.
class AttributeEdits {
 public:
  AttributeEdits(const Markup& markup, const Element& element)
      : markup_(markup), element_(element) {}

  void set(std::string_view name, const std::string& value);
  void remove(std::string_view name);
  void replace(const Attribute& attribute, const std::string& text);
  void rename(std::string_view name);  // the element, in both tags
  void add_to(std::vector<Edit>& edits) const;

 private:
  const Markup& markup_;
  const Element& element_;
  std::vector<Edit> edits_;
  std::string added_;
};

// Whether `name` is a shape that move_shape knows.
bool is_shape(std::string_view name);

// Appends the edits; false, and none, when its lengths can't be read (em, unknown percentages) or
// it would need another name.
bool move_shape(const Markup& markup, const Element& element, const Motion& motion,
                const ShapeSetting& setting, std::vector<Edit>& edits);

// The same for pairs of position attributes ("x", "y"), shifted. Absent ones count as 0.
bool shift_position(const Markup& markup, const Element& element, std::string_view x,
                    std::string_view y, Point shift, const ShapeSetting& setting,
                    AttributeEdits& edits);

// The value of a length attribute in user units; nothing when it can't be told.
std::optional<double> length_of(const Markup& markup, const Element& element, std::string_view name,
                                double hundred_percent, double otherwise);

}  // namespace lathe::svg
