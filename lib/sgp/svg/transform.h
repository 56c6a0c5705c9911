// Moving what stands under a transform list: a motion M from the left is taken into the list as
// far as its own numbers can carry it.
//
// For a list A the result is a list A' and a motion M' with M A = A' M': `translate` swallows a
// shift, `rotate` moves its center, `matrix` swallows everything, a uniform `scale` lets M
// through. Where a turn can't pass (uneven scale, skew), a `rotate` is written before it. What is
// left, M', is for the coordinates below. Source: SVG 1.1, 7.6. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sgp/svg/geometry.h"

namespace lathe::svg {

struct TransformFunction {
  std::string_view name;
  std::vector<double> arguments;
  std::vector<int> decimals;       // of each argument's text
  std::string_view first;          // the first argument's text
  std::string_view text;           // the whole function
  std::size_t begin = 0, end = 0;  // its place in the list

  Matrix matrix() const;
};

// Nothing when the list isn't valid: SVG then ignores the attribute.
std::optional<std::vector<TransformFunction>> read_transform(std::string_view list);
Matrix matrix_of(const std::vector<TransformFunction>& list);

struct TakenMotion {
  std::string list;
  Motion rest;
};

// Steps of `step` user units (of the space around the list) may be rounded away.
TakenMotion take_motion(std::string_view list, const std::vector<TransformFunction>& functions,
                        const Motion& motion, double step);

// M A = A' with nothing left: a list that holds all of the motion.
std::string take_all_motion(std::string_view list, const std::vector<TransformFunction>& functions,
                            const Motion& motion, double step);

// "translate(3 4)" or "rotate(20 50 51.3)".
std::string motion_function(const Motion& motion, double step);

}  // namespace lathe::svg
