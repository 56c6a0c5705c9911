// A float as the double that people meant.
#pragma once

namespace lathe {

// The shortest decimal that rounds to the float; other values stay as they are.
double widen_float(double value);

}  // namespace lathe
