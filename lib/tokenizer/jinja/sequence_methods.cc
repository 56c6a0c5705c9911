// The methods of lists and tuples.
#include <algorithm>

#include "base/fail.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/methods.h"

namespace lathe::jinja {
namespace {

Value count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"value"});
  return Value::integer(std::ranges::count_if(
      self.items(), [&](const Value& item) { return equal(runtime, item, parameters.at(0)); }));
}

Value index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("index", arguments, {"value", "start", "stop"});
  const auto size = static_cast<std::int64_t>(self.items().size());
  const auto bound = [&](std::size_t i, std::int64_t otherwise) {
    const std::int64_t at = parameters.get_integer(i, otherwise);
    return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const std::int64_t end = bound(2, size);
  for (std::int64_t i = bound(1, 0); i < end; ++i) {
    if (equal(runtime, self.items()[static_cast<std::size_t>(i)], parameters.at(0))) {
      return Value::integer(i);
    }
  }
  fail_invalid("index: the value is not in the sequence");
}

Value copy(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters none("copy", arguments, {});
  return self;  // nothing changes it
}

}  // namespace

std::optional<Method> find_tuple_method(std::string_view name) {
  if (name == "count") return count;
  if (name == "index") return index;
  return std::nullopt;
}

std::optional<Method> find_list_method(std::string_view name) {
  return name == "copy" ? std::optional<Method>(copy) : find_tuple_method(name);
}

}  // namespace lathe::jinja
