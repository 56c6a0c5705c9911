// Whether readers agree about the names in a drawing. SVG tells upper from lower case: XML readers
// draw no <RECT>, and know no viewbox; those that read HTML do. Who moved such a drawing for one
// of them would change it for the other. Thread-safe.
#pragma once

#include "sgp/svg/markup.h"

namespace lathe::svg {

// Throws kUnsupported for an element, or an attribute that says where something is, whose name is
// one of SVG's but for its case. viewbox is let pass: it moves nothing.
void check_spelling(const Markup& markup);

}  // namespace lathe::svg
