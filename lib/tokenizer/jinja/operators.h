// Arithmetic of values, as Python's operators do it. Each throws kInvalid for operands that the
// operator does not take, and kUnsupported for integers beyond 64 bits.
#pragma once

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

Value add(Runtime& runtime, const Value& a, const Value& b);
Value subtract(Runtime& runtime, const Value& a, const Value& b);
Value multiply(Runtime& runtime, const Value& a, const Value& b);
Value divide(Runtime& runtime, const Value& a, const Value& b);
Value floor_divide(Runtime& runtime, const Value& a, const Value& b);
Value modulo(Runtime& runtime, const Value& a, const Value& b);  // strings too: "%s" % value
Value power(Runtime& runtime, const Value& a, const Value& b);
Value negate(Runtime& runtime, const Value& a);
Value plus(Runtime& runtime, const Value& a);

}  // namespace lathe::jinja
