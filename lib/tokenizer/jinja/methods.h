// The methods of Python's strings, lists, tuples and dictionaries.
#pragma once

#include <optional>
#include <string_view>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// The method `name` of `object`, bound to it, or nothing when Python has none of that name. One
// that would change the object is undefined; throws kUnsupported for one that is not there.
std::optional<Value> method_of(Runtime& runtime, const Value& object, std::string_view name);

using Method = Value (*)(Runtime&, const Value& self, const Arguments&);

struct MethodEntry {
  std::string_view name;
  Method method;  // null: Python has it, templates may not call it here
};

// One table per type, and what Python's type has beyond it: nothing for a name in neither.
std::optional<Method> find_string_method(std::string_view name);
std::optional<Method> find_list_method(std::string_view name);
std::optional<Method> find_tuple_method(std::string_view name);
std::optional<Method> find_dict_method(std::string_view name);

}  // namespace lathe::jinja
