#include "tokenizer/jinja/string_methods.h"

#include <array>

namespace lathe::jinja {
namespace {

// In Python, but of no use to a template.
constexpr std::array<std::string_view, 6> kRefused = {"casefold",   "encode",    "isnumeric",
                                                      "format_map", "maketrans", "translate"};

}  // namespace

std::optional<Method> find_string_method(std::string_view name) {
  for (const auto& table : {string_search_methods(), string_split_methods(), string_case_methods(),
                            string_layout_methods()}) {
    for (const MethodEntry& entry : table) {
      if (entry.name == name) return entry.method;
    }
  }
  for (const std::string_view refused : kRefused) {
    if (refused == name) return nullptr;
  }
  return std::nullopt;
}

}  // namespace lathe::jinja
