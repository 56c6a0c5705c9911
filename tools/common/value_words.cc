#include "common/value_words.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "lathe/chat.h"
#include "lathe/synthetic.h"

namespace lathe::tool {

namespace {

struct Width {
  std::string_view name;
  int narrowest;  // group
  std::string_view forms;
};

// Forms by commas, the plain one first.
constexpr std::array<Width, 5> kWidths = {{{"w4", 16, ",a,d,ad"},
                                           {"w4nl", 16, ",d"},
                                           {"w5", 32, ",a,d,ad"},
                                           {"w6", 16, ",a,d,ad"},
                                           {"w8", 16, ",a,d,ad,x"}}};

std::vector<std::string> schemes() {
  std::vector<std::string> out = {"w4", "w5", "w6", "w8", "w8r"};
  for (const Width& width : kWidths) {
    for (int group = width.narrowest; group <= 128; group *= 2) {
      for (std::size_t at = 0; at <= width.forms.size();) {
        const std::size_t end = std::min(width.forms.find(',', at), width.forms.size());
        out.push_back(fmt::format("{}g{}{}", width.name, group, width.forms.substr(at, end - at)));
        at = end + 1;
      }
    }
  }
  for (const char* type : {"q8_0", "q4_0", "q4_1", "f32", "f16", "bf16", "keep"}) {
    out.emplace_back(type);
  }
  return out;
}

}  // namespace

std::vector<std::string> value_words(std::string_view type_name) {
  if (type_name == "FILE|NAME") return ChatTemplate::names();
  if (type_name == "SHAPE") return synthetic_shapes();
  if (type_name == "SCHEME") return schemes();
  return {};
}

}  // namespace lathe::tool
