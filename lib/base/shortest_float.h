// A float as the double whose shortest decimal text is the float's: what is written as JSON is
// short, and read back as the same float.
#pragma once

#include <charconv>

namespace lathe {

inline double shortest_double(float x) noexcept {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), x).ptr;
  double out = 0.0;
  std::from_chars(text, end, out);
  return out;
}

}  // namespace lathe
