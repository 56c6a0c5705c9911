// Truth, length and members of values, as Python's bool(), len() and iter() give them.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

bool truth(const Value& value);

// Throw kInvalid for values that have none.
std::size_t length_of(const Value& value);
// The characters of a string, the keys of a dictionary.
std::vector<Value> iterate(Runtime& runtime, const Value& value);

bool is_iterable(const Value& value);

// Throws kInvalid with its message when the value is undefined.
void require_defined(const Value& value);

// Throw kInvalid, naming `what`, when the value is not of that kind.
const Text& require_string(const Value& value, std::string_view what);
std::int64_t require_integer(const Value& value, std::string_view what);

}  // namespace lathe::jinja
