// Values as text, as Python's str() and repr() write them.
#pragma once

#include <string>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

// "str", "NoneType", "dict", ...
std::string type_name(const Value& value);

// str(): what {{ value }} prints. Throws kUnsupported for objects whose text is an address.
Text to_text(Runtime& runtime, const Value& value);
// repr()
void append_repr(Runtime& runtime, const Value& value, Text& out);
// repr() of a string; marks are kept.
void append_quoted(const Text& text, Text& out);

// repr() of a float: the shortest digits that give it back ("1.0", "1e+16", "nan").
std::string float_text(double value);

}  // namespace lathe::jinja
