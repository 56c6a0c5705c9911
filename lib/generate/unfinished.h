// How much of a text's end may become something that is looked for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace lathe {

// Length of the longest end of `text` that is a beginning, not the whole, of `wanted`.
inline std::size_t unfinished_length(std::string_view text, std::string_view wanted) {
  for (std::size_t n = std::min(text.size(), wanted.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == wanted.substr(0, n)) return n;
  }
  return 0;
}

}  // namespace lathe
