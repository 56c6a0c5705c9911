// "%s of %d" % (a, b), as Python's strings do it.
// Source: Python's documentation, "printf-style String Formatting".
#pragma once

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// `arguments`: a tuple, a dictionary for %(name)s, or the one argument. Throws kInvalid when they
// do not fit the format.
Value percent_format(Runtime& runtime, const Value& format, const Value& arguments);

}  // namespace lathe::jinja
