#include "lathe/host/json_integer.h"

#include <nlohmann/json.hpp>

#include "lathe/error.h"

#include "base/json.h"

namespace lathe {

std::optional<std::int64_t> json_integer(std::string_view text, std::string_view key) {
  try {
    const nlohmann::json document = parse_json(text, "JSON");
    const JsonView root(document, "JSON");
    return root.is_object() ? root.get_int(key) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace lathe
