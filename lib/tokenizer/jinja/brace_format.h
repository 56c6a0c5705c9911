// "{} of {name:>8}".format(a, name=b), as Python's strings do it.
// Source: Python's documentation, "Format String Syntax".
#pragma once

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// Throws kInvalid when the arguments do not fit the format.
Value brace_format(Runtime& runtime, const Value& format, const Arguments& arguments);

}  // namespace lathe::jinja
