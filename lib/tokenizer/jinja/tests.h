// Tests: value is name(argument).
// Source: Jinja's template designer documentation, "List of Builtin Tests".
#pragma once

#include <string_view>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

using Test = bool (*)(Runtime&, const Value& value, const Arguments&);

// Null for a name that Jinja does not know.
Test find_test(std::string_view name);
// Throws kInvalid for such a name.
Test require_test(std::string_view name);

}  // namespace lathe::jinja
