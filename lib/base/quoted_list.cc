#include "lathe/host/quoted_list.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/escape.h"

namespace lathe {

std::string quoted_list(std::span<const std::string> names, std::size_t most) {
  const std::size_t shown = std::min(names.size(), most);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    out += quoted(names[i]);
  }
  if (names.size() > shown) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

}  // namespace lathe
