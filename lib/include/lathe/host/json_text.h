// JSON that is written: for nlohmann-json's documents, of whichever kind.
//
// Characters that a terminal obeys (controls, also those of 8 bits, and marks that turn the
// direction of text) are \u escapes: the same text to every reader of JSON, and nothing to whoever
// looks at it. Bytes that are no UTF-8 become U+FFFD. A number that is none (JSON has no infinity)
// is no result: kInvalid, saying where it stands.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

#include "lathe/export.h"

namespace lathe {

// Escapes in a text that is JSON already.
LATHE_API std::string escape_json(std::string_view json);

template <typename Json>
bool may_hold_numbers(const Json& value) {
  return value.is_number_float() || value.is_structured();
}

// Throws kInvalid.
[[noreturn]] LATHE_API void fail_no_number(const std::string& path);

template <typename Json>
void require_numbers(const Json& value, const std::string& path = "$") {
  if (value.is_number_float() && !std::isfinite(value.template get<double>())) fail_no_number(path);
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      if (may_hold_numbers(*it)) require_numbers(*it, path + '.' + it.key());
    }
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (may_hold_numbers(value[i]))
        require_numbers(value[i], path + '[' + std::to_string(i) + ']');
    }
  }
}

template <typename Json>
std::string json_text(const Json& value, int indent = -1) {
  require_numbers(value);
  return escape_json(value.dump(indent, ' ', false, Json::error_handler_t::replace));
}

}  // namespace lathe
