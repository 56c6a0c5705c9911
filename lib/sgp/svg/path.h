// Moving path data and point lists: the numbers change, everything else stays byte for byte.
//
// A path may use every command of SVG 1.1 (M L H V C S Q T A Z, absolute and relative) in the
// tersest spelling ("1.5.5-3", arc flags without spaces). A mere shift touches absolute
// coordinates only; a turn touches all, makes L of H and V, and turns the axes of arcs. Relative
// numbers are differences of the rounded positions, so that rounding doesn't add up.
// Where path data breaks off, the rest stays as it is: a renderer stops there as well.
// Source: SVG 1.1, 8.3 and 9.7.1. Free functions without state: thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "sgp/svg/geometry.h"

namespace lathe::svg {

// `digits` after the point for numbers that have to be rounded; a shift keeps the digits that a
// number has, and adds those of the shift.
std::string move_path(std::string_view d, const Motion& motion, int digits);
std::string move_points(std::string_view points, const Motion& motion, int digits);

}  // namespace lathe::svg
