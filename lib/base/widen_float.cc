#include "base/widen_float.h"

#include <array>
#include <charconv>
#include <cmath>

namespace lathe {

double widen_float(double value) {
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(value) || static_cast<double>(narrow) != value) return value;
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), narrow).ptr;
  double out = value;
  std::from_chars(text.data(), end, out);
  return out;
}

}  // namespace lathe
