// What the definitions of a drawing say about spaces: does a gradient live in user space, or
// in the box of what it paints? Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "sgp/svg/markup.h"

namespace lathe::svg {

enum class Definition { kNone, kLinearGradient, kRadialGradient, kPattern, kClip, kMask, kFilter };
Definition definition_of(const Element& e);

// An attribute of a gradient or pattern, its own or that of the one it refers to; "" for none.
std::string inherited_attribute(const Markup& markup, int definition, std::string_view name);

bool in_user_space(const Markup& markup, int gradient_or_pattern);

// Whether a gradient takes coordinates from another one: then neither may be rewritten alone.
bool takes_coordinates(const Markup& markup, int gradient);
// The one that it refers to; -1 for none.
int referred(const Markup& markup, const Element& e);

// Whether a filter looks the same wherever its object is shifted to.
bool filter_may_shift(const Markup& markup, int filter);

}  // namespace lathe::svg
