// One value laid out by a format specification, as Python's format() does it (">8.2f").
// Source: Python's documentation, "Format Specification Mini-Language".
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

struct FormatSpec {
  std::string fill;        // one character; none: a space, or a zero with `zero`
  char align = 0;          // one of < > ^ =; 0: by the type
  char sign = '-';         // one of + - and space
  bool alternate = false;  // "#"
  bool zero = false;       // numbers are filled with zeros behind their sign, unless aligned
  std::int64_t width = 0;
  char grouping = 0;            // "," or "_"
  std::int64_t precision = -1;  // -1: none
  char type = 0;                // 0: none
};

// Throws kInvalid.
FormatSpec parse_format_spec(std::string_view spec);

// Throws kInvalid where the type does not take what is specified.
Text format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);

// The digits of a number, with sign and prefix, without padding. `type` is one of
// d b o x X for integers, e E f F g G % for floats; 0 as repr() does it.
std::string integer_digits(std::int64_t value, const FormatSpec& spec);
std::string float_digits(double value, const FormatSpec& spec);

// Spaces (or the fill) up to the width. `align` as above; `sign_length`: bytes before which "="
// does not fill.
Text padded_to(Runtime& runtime, Text text, const FormatSpec& spec, char align,
               std::size_t sign_length = 0);

}  // namespace lathe::jinja
