// Comparisons of values, as Python's operators do them.
#pragma once

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

bool equal(Runtime& runtime, const Value& a, const Value& b);
// Throw kInvalid for values that have no order.
bool less(Runtime& runtime, const Value& a, const Value& b);
bool less_equal(Runtime& runtime, const Value& a, const Value& b);
// `item in container`; throws kInvalid where that is a TypeError.
bool contains(Runtime& runtime, const Value& container, const Value& item);

}  // namespace lathe::jinja
