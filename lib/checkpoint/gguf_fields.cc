#include "checkpoint/gguf_fields.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "base/escape.h"
#include "base/fail.h"
#include "base/widen_float.h"

namespace lathe {

std::string GgufFields::key(std::string_view name) const {
  return *asked_.emplace(fmt::format("{}.{}", architecture_, name)).first;
}

std::optional<double> GgufFields::real(std::string_view name) const {
  const auto value = gguf_.get_double(key(name));
  return value ? std::optional(widen_float(*value)) : std::nullopt;
}

std::optional<std::int64_t> GgufFields::uniform(std::string_view name) const {
  const auto values = gguf_.get_int_or_ints(key(name));
  if (!values || values->empty()) return std::nullopt;
  if (std::adjacent_find(values->begin(), values->end(), std::not_equal_to<>()) != values->end()) {
    fail_unsupported("{}: {} differs between layers, which is not supported", quoted(gguf_.path()),
                     key(name));
  }
  return values->front();
}

}  // namespace lathe
